# tests/process: children with limits, output files that appear whole
pkg_check_modules(CMOCKA REQUIRED IMPORTED_TARGET cmocka)
foreach(name child outfile)
  add_executable(test_${name} ${CMAKE_CURRENT_LIST_DIR}/test_${name}.c
    ${CMAKE_SOURCE_DIR}/driver/child.c
    ${CMAKE_SOURCE_DIR}/driver/outfile.c
    ${CMAKE_SOURCE_DIR}/driver/tempdir.c)
  target_include_directories(test_${name} PRIVATE ${CMAKE_SOURCE_DIR})
  target_link_libraries(test_${name} PRIVATE vitc_warnings vitc_ir PkgConfig::CMOCKA)
  add_test(NAME process_${name} COMMAND test_${name})
  set_tests_properties(process_${name} PROPERTIES LABELS unit)
endforeach()
