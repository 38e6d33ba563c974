# runtime: the library that is linked into the user's program
foreach(name test_execute test_pool test_scores)
  add_executable(${name} ${CMAKE_CURRENT_LIST_DIR}/${name}.c)
  target_link_libraries(${name} PRIVATE vitc_warnings vitc-runtime cmocka)
  add_test(NAME unit/${name} COMMAND ${name})
  set_tests_properties(unit/${name} PROPERTIES LABELS unit TIMEOUT 60)
endforeach()
add_executable(test_image ${CMAKE_CURRENT_LIST_DIR}/test_image.c)
target_link_libraries(test_image PRIVATE vitc_warnings vitc_driver vitc_frontend vitc_ir vitc-runtime cmocka)
add_test(NAME unit/test_image COMMAND test_image ${CMAKE_SOURCE_DIR}/tests/fixtures/digits/images)
set_tests_properties(unit/test_image PROPERTIES LABELS unit TIMEOUT 60)

# the same pool test under ThreadSanitizer
file(GLOB runtime_c ${CMAKE_SOURCE_DIR}/runtime/*.c)
if(NOT VITC_SANITIZE)
  add_executable(test_pool_tsan ${CMAKE_CURRENT_LIST_DIR}/test_pool.c ${runtime_c})
  target_include_directories(test_pool_tsan PRIVATE ${CMAKE_SOURCE_DIR}/runtime ${CMAKE_SOURCE_DIR})
  target_compile_options(test_pool_tsan PRIVATE -fsanitize=thread -g -O1)
  target_link_options(test_pool_tsan PRIVATE -fsanitize=thread)
  target_link_libraries(test_pool_tsan PRIVATE vitc_warnings cmocka Threads::Threads m)
  add_test(NAME unit/test_pool_tsan COMMAND test_pool_tsan)
  set_tests_properties(unit/test_pool_tsan PROPERTIES LABELS unit TIMEOUT 120
    ENVIRONMENT TSAN_OPTIONS=die_after_fork=0)
endif()
