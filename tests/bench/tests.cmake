# bench: programs that measure the parts; built with everything, run by hand
add_executable(pool_latency ${CMAKE_CURRENT_LIST_DIR}/pool_latency.c)
target_include_directories(pool_latency PRIVATE ${CMAKE_SOURCE_DIR})
target_link_libraries(pool_latency PRIVATE vitc_warnings vitc-runtime)
