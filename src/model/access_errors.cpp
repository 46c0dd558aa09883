#include "model/access_errors.hpp"

namespace carillon::model {

const base::ErrorEntry& no_access_to(TargetClass target_class) {
  switch (target_class) {
    case TargetClass::user:
      return errors::kNoUserAccess;
    case TargetClass::org:
      return errors::kNoOrgAccess;
    case TargetClass::hub:
      return errors::kNoHubAccess;
    case TargetClass::project:
      return errors::kNoProjectAccess;
    case TargetClass::chat:
      return errors::kNoChatAccess;
    case TargetClass::all:
      return errors::kNoAllAccess;
  }
  return errors::kForbidden;
}

}  // namespace carillon::model
