# diff: the interpreter of kernels against what the printers make of them, bit for bit
add_library(test_diff STATIC ${CMAKE_CURRENT_LIST_DIR}/numbers.c ${CMAKE_CURRENT_LIST_DIR}/harness.c
  ${CMAKE_CURRENT_LIST_DIR}/printers.c ${CMAKE_CURRENT_LIST_DIR}/random_kernel.c
  ${CMAKE_CURRENT_LIST_DIR}/kernel_run.c ${CMAKE_CURRENT_LIST_DIR}/shrink_kernel.c
  ${CMAKE_CURRENT_LIST_DIR}/shrink_failure.c)
target_link_libraries(test_diff PUBLIC vitc_backends vitc_passes vitc_ir vitc-runtime ${CMAKE_DL_LIBS}
  PRIVATE vitc_warnings)
target_compile_definitions(test_diff PRIVATE TEST_RUNTIME="${CMAKE_SOURCE_DIR}/runtime"
  TEST_RUNTIME_LIBRARY="$<TARGET_FILE:vitc-runtime>")
foreach(name ops kernels)
  add_executable(test_diff_${name} ${CMAKE_CURRENT_LIST_DIR}/test_diff_${name}.c)
  target_link_libraries(test_diff_${name} PRIVATE vitc_warnings test_diff)
endforeach()
add_executable(test_diff_shrink ${CMAKE_CURRENT_LIST_DIR}/test_diff_shrink.c)
target_link_libraries(test_diff_shrink PRIVATE vitc_warnings test_diff cmocka)
# diff_test(name command…): in the default tier; diff_long: behind the label long
function(diff_test name)
  add_test(NAME diff_${name} COMMAND ${ARGN})
  set_tests_properties(diff_${name} PROPERTIES LABELS diff TIMEOUT 900)
endfunction()
function(diff_long name)
  add_test(NAME diff_${name} COMMAND ${ARGN})
  set_tests_properties(diff_${name} PROPERTIES LABELS "diff;long" TIMEOUT 7200)
endfunction()
# 2,048 kernels, each on three printers; which C compiler optimises takes turns
diff_test(kernels_1 test_diff_kernels --count 256 --printers llvm,gcc-O1,clang-19-O0)
diff_test(kernels_2 test_diff_kernels --count 256 --seed 257 --printers llvm,gcc-O0,clang-19-O1)
diff_long(kernels_more test_diff_kernels --count 4096 --seed 10000 --size 40
  --printers llvm,gcc-O1,gcc-O2,gcc-O3,clang-19-O1,clang-19-O2,clang-19-O3,clang-14-O2)
diff_test(shrink test_diff_shrink)
# every op alone; in the default tier only on one lane and on the widest vectors
diff_test(ops_llvm test_diff_ops --count 1)
diff_test(ops_c test_diff_ops --count 1 --printers gcc-O0)
diff_long(ops_more test_diff_ops --printers llvm,gcc-O0,gcc-O2,clang-19-O0,clang-19-O2,clang-14-O1)
