#pragma once

namespace carillon::cli {

/// The whole program. Returns the exit status: 0; 1 for what was refused or failed; 2 for wrong usage.
int run(int argc, char** argv);

}  // namespace carillon::cli
