#include "model/target.hpp"

#include <array>

namespace carillon::model {
namespace {

struct Named {
  TargetClass target_class;
  std::string_view name;
};
constexpr std::array<Named, 6> kNames{{{TargetClass::user, "user"},
                                       {TargetClass::org, "org"},
                                       {TargetClass::hub, "hub"},
                                       {TargetClass::project, "project"},
                                       {TargetClass::chat, "chat"},
                                       {TargetClass::all, "all"}}};

}  // namespace

std::string_view name(TargetClass target_class) {
  for (const Named& each : kNames)
    if (each.target_class == target_class) return each.name;
  return "unknown";
}

std::optional<TargetClass> parse_target_class(std::string_view text) {
  for (const Named& each : kNames)
    if (each.name == text) return each.target_class;
  return std::nullopt;
}

std::string Target::str() const {
  std::string out(name(target_class));
  out += ':';
  out += id;
  return out;
}

}  // namespace carillon::model
