# link: objects against the runtime's headers, readelf, nm and the linkers
find_package(Python3 REQUIRED COMPONENTS Interpreter)
add_library(small_program OBJECT ${CMAKE_CURRENT_LIST_DIR}/small_program.c)
target_link_libraries(small_program PUBLIC vitc_ir PRIVATE vitc_warnings)
add_executable(test_object ${CMAKE_CURRENT_LIST_DIR}/test_object.c)
target_link_libraries(test_object PRIVATE small_program vitc_warnings vitc_backends vitc_ir
  vitc-runtime cmocka)
add_executable(make_object ${CMAKE_CURRENT_LIST_DIR}/make_object.c)
target_link_libraries(make_object PRIVATE small_program vitc_warnings vitc_backends vitc_ir)
add_test(NAME link_object COMMAND test_object)
add_test(NAME link_programs COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/link.py
  $<TARGET_FILE:make_object> $<TARGET_FILE:vitc-runtime> ${CMAKE_SOURCE_DIR})
add_test(NAME link_large COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/link.py
  $<TARGET_FILE:make_object> $<TARGET_FILE:vitc-runtime> ${CMAKE_SOURCE_DIR} large)
set_tests_properties(link_large PROPERTIES LABELS "link;long" TIMEOUT 3600)
set_tests_properties(link_object link_programs PROPERTIES LABELS link TIMEOUT 300)
add_test(NAME link_emits COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/emits.py
  $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR} $<TARGET_FILE:vitc-runtime>
  ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/heads3_d16)
set_tests_properties(link_emits PROPERTIES LABELS link TIMEOUT 300)
add_test(NAME link_stopped COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/stopped.py
  $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/heads3_d16)
add_test(NAME link_installed COMMAND ${CMAKE_COMMAND} -DBUILD=${CMAKE_BINARY_DIR}
  -DMODEL=${CMAKE_SOURCE_DIR}/tests/fixtures/text/exp.vg -DPLACE=${CMAKE_BINARY_DIR}/tests/installed
  -P ${CMAKE_CURRENT_LIST_DIR}/installed.cmake)
set_tests_properties(link_stopped link_installed PROPERTIES LABELS link TIMEOUT 300)
add_test(NAME link_tiles COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/tiles.py
  $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR} $<TARGET_FILE:vitc-runtime> ${CMAKE_BINARY_DIR}/tests/tiles)
set_tests_properties(link_tiles PROPERTIES LABELS link TIMEOUT 120)
