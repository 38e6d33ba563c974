# bad: hostile and broken inputs, each with the exit code and the message that vitc must give
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(BAD_SANITIZED $<$<BOOL:${VITC_SANITIZE}>:--sanitized>)
foreach(family onnx json weights input text)
  add_test(NAME bad.${family} COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/run_bad.py
    --vitc $<TARGET_FILE:vitc> ${BAD_SANITIZED} ${family} COMMAND_EXPAND_LISTS)
  set_tests_properties(bad.${family} PROPERTIES LABELS "cli;bad" TIMEOUT 600)
endforeach()
add_test(NAME bad.names COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/hostile_names.py
  --vitc $<TARGET_FILE:vitc> --include ${CMAKE_SOURCE_DIR}/runtime ${BAD_SANITIZED} COMMAND_EXPAND_LISTS)
set_tests_properties(bad.names PROPERTIES LABELS "cli;bad" TIMEOUT 600)
