# bad: hostile and broken inputs, outputs that fail, and signals: each with the exit code and the message
# that vitc must give
find_package(Python3 REQUIRED COMPONENTS Interpreter)
function(add_bad_test name script)
  add_test(NAME bad.${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/bad/${script}
    --vitc $<TARGET_FILE:vitc> $<$<BOOL:${VITC_SANITIZE}>:--sanitized> ${ARGN} COMMAND_EXPAND_LISTS)
  set_tests_properties(bad.${name} PROPERTIES LABELS "cli;bad" TIMEOUT 600)
endfunction()
foreach(family onnx json weights input text)
  add_bad_test(${family} run_bad.py ${family})
endforeach()
add_bad_test(truncated truncated.py)
add_bad_test(names hostile_names.py --include ${CMAKE_SOURCE_DIR}/runtime)
add_bad_test(outputs output_faults.py)
add_bad_test(killed killed.py --model ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/default)
