// Arrow text columns for tests: any layout, chosen at random, with offsets and rubbish where nobody may look.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "seqmine/ingest.hpp"

namespace seqmine::test {

class TextColumn {
 public:
  TextColumn(const std::vector<std::optional<std::string>>& texts, std::mt19937_64& random)
      : TextColumn(texts, random, random() % 2 == 0) {}

  [[nodiscard]] const TextView& view() const { return parts_->view; }

 private:
  struct Parts {
    TextView view;
    std::vector<std::uint8_t> validity;
    std::vector<std::int32_t> offsets32;
    std::vector<std::int64_t> offsets64;
    std::vector<std::uint8_t> indices;
    std::string data;
    std::shared_ptr<const Parts> values;
  };

  TextColumn(const std::vector<std::optional<std::string>>& texts, std::mt19937_64& random, bool dictionary)
      : parts_(std::make_shared<Parts>()) {
    Parts& p = *parts_;
    p.view.length = static_cast<std::int64_t>(texts.size());
    p.view.offset = static_cast<std::int64_t>(random() % 11);
    const auto before = static_cast<std::size_t>(p.view.offset);
    p.validity.assign((texts.size() + before + 7) / 8, 0xFF);
    bool has_null = random() % 2 == 0;
    for (std::size_t i = 0; i < texts.size(); ++i) {
      // In a dictionary half of the nulls are valid indices of a null value.
      if (texts[i].has_value() || (dictionary && i % 2 == 0)) continue;
      has_null = true;
      p.validity[(i + before) / 8] &= static_cast<std::uint8_t>(~(1U << ((i + before) % 8)));
    }
    if (has_null) p.view.validity = p.validity.data();
    if (dictionary) {
      encode(texts, random, before);
    } else {
      lay_out(texts, random, before);
    }
  }

  void lay_out(const std::vector<std::optional<std::string>>& texts, std::mt19937_64& random, std::size_t before) {
    Parts& p = *parts_;
    p.data = "??";
    p.offsets64.assign(before, -99);
    p.offsets64.push_back(2);
    for (const auto& text : texts) {
      p.data += text.value_or(random() % 2 == 0 ? "null" : "");
      p.offsets64.push_back(static_cast<std::int64_t>(p.data.size()));
    }
    if (random() % 2 == 0) {
      for (const std::int64_t offset : p.offsets64) p.offsets32.push_back(static_cast<std::int32_t>(offset));
      p.view.offsets32 = p.offsets32.data();
    } else {
      p.view.offsets64 = p.offsets64.data();
    }
    p.view.data = p.data.data();
    p.view.data_size = static_cast<std::int64_t>(p.data.size());
  }

  void encode(const std::vector<std::optional<std::string>>& texts, std::mt19937_64& random, std::size_t before) {
    Parts& p = *parts_;
    // Unused values, a null and a doubled value are all legal in a dictionary.
    std::vector<std::optional<std::string>> values{"unused", std::nullopt, "also unused"};
    std::vector<std::uint64_t> indices(before, 0xDEAD'BEEF'DEAD'BEEFULL);
    std::map<std::string, std::size_t> known;
    for (const auto& text : texts) {
      std::size_t v = 1;
      if (text.has_value()) {
        const auto [place, is_new] = known.try_emplace(*text, values.size());
        v = place->second;
        if (is_new || (values.size() < 100 && random() % 10 == 0)) {
          v = values.size();
          values.push_back(text);
        }
      }
      indices.push_back(v);
    }
    int width = 1 << (random() % 4);
    while (width < 8 && values.size() >= 1ULL << (8 * width - 1)) width *= 2;
    for (const std::uint64_t index : indices) {
      for (int b = 0; b < width; ++b) p.indices.push_back(static_cast<std::uint8_t>(index >> (8 * b)));
    }
    p.view.indices = p.indices.data();
    p.view.index_width = width;
    p.view.index_signed = random() % 2 == 0;
    TextColumn plain(values, random, false);
    p.values = plain.parts_;
    p.view.values = &p.values->view;
  }

  std::shared_ptr<Parts> parts_;
};

}  // namespace seqmine::test
