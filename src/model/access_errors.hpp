#pragma once

#include "model/errors.hpp"
#include "model/target.hpp"

namespace carillon::model {

/// The refusal for somebody who has no right to a target of this class: `Forbidden - No access to org`.
const base::ErrorEntry& no_access_to(TargetClass target_class);

}  // namespace carillon::model
