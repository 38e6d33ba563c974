# diff: the interpreter of kernels against what the printers make of them, bit for bit
foreach(name ops kernels)
  add_executable(test_diff_${name} ${CMAKE_CURRENT_LIST_DIR}/test_diff_${name}.c
    ${CMAKE_CURRENT_LIST_DIR}/harness.c ${CMAKE_CURRENT_LIST_DIR}/random_kernel.c)
  target_link_libraries(test_diff_${name} PRIVATE vitc_warnings vitc_backends vitc_passes vitc_ir
    vitc-runtime ${CMAKE_DL_LIBS})
  target_compile_definitions(test_diff_${name} PRIVATE TEST_CC="${CMAKE_C_COMPILER}"
    TEST_RUNTIME="${CMAKE_SOURCE_DIR}/runtime" TEST_RUNTIME_LIBRARY="$<TARGET_FILE:vitc-runtime>")
endforeach()
add_test(NAME diff_ops_llvm COMMAND test_diff_ops llvm)
add_test(NAME diff_ops_c COMMAND test_diff_ops c)
add_test(NAME diff_kernels_llvm COMMAND test_diff_kernels llvm 500)
add_test(NAME diff_kernels_c COMMAND test_diff_kernels c 100)
set_tests_properties(diff_ops_llvm diff_ops_c diff_kernels_llvm diff_kernels_c PROPERTIES LABELS diff
  TIMEOUT 900)
