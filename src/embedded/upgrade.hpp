#pragma once

#include <string>
#include <string_view>

#include "embedded/database.hpp"

namespace carillon::embedded {

/// Brings a database opened with Opening::upgrade from `format` (below kFormatVersion) to kFormatVersion, all
/// of it on disk when it returns; the caller then writes the new number down. May be interrupted at any point
/// and begun again. Takes as much memory whatever the size; says in the log how far it is. Errors:
/// store_corrupt, unavailable.
base::Result<void> upgrade_database(const Database& database, unsigned format);

/// Writes a new name or secret of the store and waits until it, and everything before it, is on disk.
base::Result<void> write_names(const Database& database, std::string_view epoch,
                               std::string_view token_secret);
std::string new_epoch();
std::string new_token_secret();

}  // namespace carillon::embedded
