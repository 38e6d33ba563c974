# cli: transcripts of the command line: stdout, stderr and exit code of every verb and every kind of error
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB transcripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.txt)
foreach(transcript ${transcripts})
  get_filename_component(name ${transcript} NAME_WE)
  add_test(NAME cli.${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/transcript.py
    $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR}/tests/fixtures ${transcript})
  set_tests_properties(cli.${name} PROPERTIES LABELS cli)
endforeach()

add_executable(test_images ${CMAKE_CURRENT_LIST_DIR}/test_images.c)
target_link_libraries(test_images PRIVATE vitc_warnings vitc_driver PkgConfig::NETTLE cmocka)
add_test(NAME cli.images COMMAND test_images)
set_tests_properties(cli.images PROPERTIES LABELS cli
  ENVIRONMENT FIXTURES=${CMAKE_SOURCE_DIR}/tests/fixtures)

add_test(NAME cli.terminal COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/terminal.py
  $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR}/tests/fixtures)
set_tests_properties(cli.terminal PROPERTIES LABELS cli SKIP_RETURN_CODE 77)
