# bench: programs that measure, run by hand, and the test of those of peers/ (label bench)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_executable(pool_latency ${CMAKE_CURRENT_LIST_DIR}/pool_latency.c)
target_include_directories(pool_latency PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(pool_latency PRIVATE vitc_warnings vitc-runtime)

if(NOT VITC_SANITIZE)  # it links a host itself
  add_test(NAME bench/peers COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/peers/test_peers.py
    ${CMAKE_BINARY_DIR} ${CMAKE_SOURCE_DIR}/tests/fixtures/digits)
  set_tests_properties(bench/peers PROPERTIES LABELS bench TIMEOUT 300)
endif()

# what bench and tune write: its form, never a speed
foreach(name bench tune knobs)
  add_test(NAME bench/${name} COMMAND ${Python3_EXECUTABLE} -B ${CMAKE_CURRENT_LIST_DIR}/check_${name}.py
    $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR}/tests/fixtures)
  set_tests_properties(bench/${name} PROPERTIES LABELS bench TIMEOUT 200)
endforeach()
