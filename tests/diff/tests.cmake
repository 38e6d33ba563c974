# diff: the interpreter of kernels against what LLVM makes of them, bit for bit
foreach(name ops kernels)
  add_executable(test_diff_${name} ${CMAKE_CURRENT_LIST_DIR}/test_diff_${name}.c
    ${CMAKE_CURRENT_LIST_DIR}/harness.c ${CMAKE_CURRENT_LIST_DIR}/random_kernel.c)
  target_link_libraries(test_diff_${name} PRIVATE vitc_warnings vitc_backends vitc_passes vitc_ir
    vitc-runtime)
  add_test(NAME diff_${name} COMMAND test_diff_${name})
  set_tests_properties(diff_${name} PROPERTIES LABELS diff TIMEOUT 300)
endforeach()
