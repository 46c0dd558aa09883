#pragma once

#include <algorithm>

#include <gtest/gtest.h>

#include "ports/metric_set.hpp"

namespace carillon::embedded::testing {

inline ports::MetricSet figures_of(const auto& source) {
  ports::MetricSet set;
  source.collect(set);
  return set;
}

/// The one sample with these labels.
inline const ports::MetricSample& sample(const ports::MetricSet& set, std::string_view family,
                                         const ports::Labels& labels = {}) {
  static const ports::MetricSample kNone{{}, -1, {}};
  const ports::MetricFamily* found = set.find(family);
  EXPECT_TRUE(found) << family;
  if (!found) return kNone;
  const auto with_labels = [&](const ports::MetricSample& each) { return each.labels == labels; };
  EXPECT_EQ(std::ranges::count_if(found->samples, with_labels), 1) << family;
  const auto at = std::ranges::find_if(found->samples, with_labels);
  return at == found->samples.end() ? kNone : *at;
}

inline double value(const ports::MetricSet& set, std::string_view family, const ports::Labels& labels = {}) {
  return sample(set, family, labels).value;
}

/// Of all samples together.
inline double total(const ports::MetricSet& set, std::string_view family) {
  const ports::MetricFamily* found = set.find(family);
  EXPECT_TRUE(found) << family;
  double sum = 0;
  if (found)
    for (const ports::MetricSample& each : found->samples) sum += each.value;
  return sum;
}

}  // namespace carillon::embedded::testing
