"""The names of simulated event types."""

from __future__ import annotations

from typing import Final

__all__ = [
    "CHANNELS",
    "MAX_TYPES",
    "MIN_TYPES",
    "OUTCOME_EVENTS",
    "PROXY_EVENTS",
    "RESERVED",
    "SIGNUP",
    "VALUED",
    "type_names",
]

MIN_TYPES: Final = 20
MAX_TYPES: Final = 4_000  # with planted and reserved types, what 12 bits of code hold

CHANNELS: Final = ("app", "mail", "phone", "web")
SIGNUP: Final = "signup"
OUTCOME_EVENTS: Final = {"vip": "vip", "referral": "referral"}
PROXY_EVENTS: Final = {"churn": "cancel_request", "vip": "vip_welcome"}
RESERVED: Final = (SIGNUP, *OUTCOME_EVENTS.values(), *PROXY_EVENTS.values())
VALUED: Final = ("coupon_redeem", "invoice", "purchase")

# By rank. The moments that are planted by default use ranks 7 to 20: common enough to mean nothing alone.
_NAMES: Final = (
    "view_page", "login", "search", "view_item", "email_open", "click_link", "purchase", "add_to_cart", "help_center",
    "ticket_open", "price_page", "export_data", "invite_user", "webinar_join", "report_view", "survey_answer",
    "feature_board", "feature_chart", "feature_sync", "feature_alert", "settings_open", "invoice", "app_update",
    "push_open", "coupon_view", "coupon_redeem", "wishlist_add", "cart_remove", "checkout_start", "payment_failed",
    "payment_retry", "profile_edit", "password_reset", "chat_start", "call_inbound", "app_install", "review_write",
    "review_read", "video_play", "doc_read", "forum_post", "forum_read", "api_call", "api_error", "dashboard_edit",
    "team_join", "team_leave", "plan_compare", "trial_start", "seat_add", "seat_remove", "integration_add",
    "integration_drop", "backup_run", "bug_report", "newsletter_open", "event_rsvp", "refund_request", "return_item",
    "store_visit",
)  # fmt: skip


def type_names(n: int) -> tuple[str, ...]:
    """Return the names of ``n`` background types, the commonest first."""
    return (*_NAMES[:n], *(f"feature_{i:04}" for i in range(len(_NAMES) + 1, n + 1)))
