# unit: each test_*.c here is one cmocka program, linked with every layer
file(GLOB unit_tests CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/test_*.c)
foreach(source ${unit_tests})
  get_filename_component(name ${source} NAME_WE)
  add_executable(${name} ${source})
  if(name STREQUAL test_passes_random)
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/tests/support/random_graph.c)
  endif()
  target_link_libraries(${name} PRIVATE vitc_warnings vitc_frontend vitc_passes vitc_backends vitc_ir
    vitc-runtime cmocka)
  add_test(NAME unit/${name} COMMAND ${name})
  set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 120
    ENVIRONMENT FIXTURES=${CMAKE_SOURCE_DIR}/tests/fixtures)
endforeach()
