# The dashboard's page in the room dashboard: built by npm, once for all presets, and embedded compressed.
set(page ${PROJECT_SOURCE_DIR}/web/dashboard)
set(page_files ${PROJECT_SOURCE_DIR}/build/web/dashboard/page_files.cpp)
file(GLOB_RECURSE page_sources CONFIGURE_DEPENDS ${page}/src/*)
file(GLOB page_settings CONFIGURE_DEPENDS ${page}/*.json ${page}/*.html ${page}/*.mjs ${page}/*.svg)

add_custom_command(OUTPUT ${page_files}
  COMMAND ${PROJECT_SOURCE_DIR}/script/web
  DEPENDS ${page_sources} ${page_settings} ${PROJECT_SOURCE_DIR}/script/web ${PROJECT_SOURCE_DIR}/docs/runbook.md
  COMMENT "Building the dashboard's page"
  VERBATIM)
target_sources(carillon_dashboard PRIVATE ${page_files})
target_link_libraries(carillon_dashboard PRIVATE ZLIB::ZLIB)
