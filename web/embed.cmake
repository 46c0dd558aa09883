# The pages in the room pages: built by npm, once for all presets, and embedded compressed.
set(page_files ${PROJECT_SOURCE_DIR}/build/web/dashboard/page_files.cpp
  ${PROJECT_SOURCE_DIR}/build/web/chat/page_files.cpp)
set(page_folders web/dashboard web/sdk web/react examples/chat)
foreach(folder ${page_folders})
  file(GLOB_RECURSE found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/src/*)
  list(APPEND page_sources ${found})
  file(GLOB found CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/${folder}/*.json ${PROJECT_SOURCE_DIR}/${folder}/*.html
    ${PROJECT_SOURCE_DIR}/${folder}/*.mjs ${PROJECT_SOURCE_DIR}/${folder}/*.svg)
  list(APPEND page_sources ${found})
endforeach()

add_custom_command(OUTPUT ${page_files}
  COMMAND ${PROJECT_SOURCE_DIR}/script/web
  DEPENDS ${page_sources} ${PROJECT_SOURCE_DIR}/script/web ${PROJECT_SOURCE_DIR}/web/embed.mjs
    ${PROJECT_SOURCE_DIR}/web/package.mjs ${PROJECT_SOURCE_DIR}/package-lock.json
    ${PROJECT_SOURCE_DIR}/docs/runbook.md
  COMMENT "Building the pages"
  VERBATIM)
target_sources(carillon_pages PRIVATE ${page_files})
target_link_libraries(carillon_pages PRIVATE ZLIB::ZLIB)
