#include "call-plan.h"

#include <cstring>
#include <string>

namespace reckon {
namespace {

constexpr double kElements = 4096;
constexpr double kMultiplications = 65536;

constexpr int kSegmentWidth = 6;
constexpr int kQueryCount = 1;

bool isAxis(const std::string& name) {
  for (const char* axis : {"count", "rows", "width", "inner", "outer", "experts", "active", "heads", "headDim", "maxKeys",
                           "vocabulary"}) {
    if (name == axis) return true;
  }
  return false;
}

}  // namespace

CallPlan::CallPlan(const KernelEntry& entry) : limit_(kElements) {
  bool numbers = false;
  for (const char* at = entry.signature; *at;) {
    const std::string word(at, std::strcspn(at, " "));
    at += word.size();
    at += std::strspn(at, " ");
    if (word == "|") {
      numbers = true;
      continue;
    }
    const int place = words_++;
    if (!numbers) {
      if (word == "segments:in") segments_ = place;
      if (word.size() > 2 && word.compare(word.size() - 2, 2, ":w") == 0) words_++;
    } else if (segments_ >= 0 && word == "count") {
      count_ = place;
    } else if (isAxis(word) && !(segments_ >= 0 && word == "rows")) {
      axes_.push_back(place);
      if (word == "inner" || word == "maxKeys") limit_ = kMultiplications;
    }
  }
}

bool CallPlan::solo(const double* arguments) const {
  double work = 1;
  for (const int place : axes_) work *= arguments[place];
  if (segments_ < 0 || work * arguments[count_] > limit_) return segments_ < 0 && work <= limit_;
  // Only the table says how many queries there are. The host wrote it before the flush: no kernel writes segments.
  const Arguments call{arguments};
  const int32_t* segment = call.buffer<int32_t>(segments_);
  double queries = 0;
  for (int64_t i = 0; i < call.integer(count_); i++) queries += segment[i * kSegmentWidth + kQueryCount];
  return work * queries <= limit_;
}

}  // namespace reckon
