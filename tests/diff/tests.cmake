# diff: the interpreter of kernels against what the printers make of them, bit for bit
add_library(test_diff STATIC ${CMAKE_CURRENT_LIST_DIR}/numbers.c ${CMAKE_CURRENT_LIST_DIR}/harness.c
  ${CMAKE_CURRENT_LIST_DIR}/emulate_tiles.c
  ${CMAKE_CURRENT_LIST_DIR}/printers.c ${CMAKE_CURRENT_LIST_DIR}/random_kernel.c
  ${CMAKE_CURRENT_LIST_DIR}/kernel_run.c ${CMAKE_CURRENT_LIST_DIR}/shrink_kernel.c
  ${CMAKE_CURRENT_LIST_DIR}/shrink_failure.c ${CMAKE_CURRENT_LIST_DIR}/random_vit.c
  ${CMAKE_CURRENT_LIST_DIR}/model_run.c ${CMAKE_CURRENT_LIST_DIR}/shrink_model.c)
target_link_libraries(test_diff PUBLIC vitc_backends vitc_passes vitc_ir vitc-runtime ${CMAKE_DL_LIBS}
  PRIVATE vitc_warnings)
target_compile_definitions(test_diff PRIVATE TEST_RUNTIME="${CMAKE_SOURCE_DIR}/runtime"
  TEST_RUNTIME_LIBRARY="$<TARGET_FILE:vitc-runtime>")
foreach(name ops kernels models fixtures tiles)
  add_executable(test_diff_${name} ${CMAKE_CURRENT_LIST_DIR}/test_diff_${name}.c)
  target_link_libraries(test_diff_${name} PRIVATE vitc_warnings test_diff)
endforeach()
target_link_libraries(test_diff_fixtures PRIVATE vitc_frontend)
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
# 2,048 random kernels on the four levels of x86, each on three printers
diff_test(kernels test_diff_kernels --count 448 --printers llvm,gcc-O0,clang-19-O0)
diff_test(kernels_optimised test_diff_kernels --count 64 --seed 449
  --printers llvm,gcc-O1,clang-19-O1)
diff_long(kernels_more test_diff_kernels --count 4096 --seed 10000 --size 40
  --printers llvm,gcc-O1,gcc-O2,gcc-O3,clang-19-O1,clang-19-O2,clang-19-O3,clang-14-O2)
# 128 on aarch64, in an emulator
find_package(Python3 REQUIRED COMPONENTS Interpreter)
diff_test(aarch64 ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cases.py
  $<TARGET_FILE:test_diff_kernels> ${CMAKE_SOURCE_DIR} aarch64 aarch64-linux-gnu-gcc qemu-aarch64-static)
diff_test(aarch64_bf16 ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cases.py
  $<TARGET_FILE:test_diff_kernels> ${CMAKE_SOURCE_DIR} aarch64+dotprod+i8mm+bf16 aarch64-linux-gnu-gcc
  qemu-aarch64-static -march=armv8.2-a+dotprod+i8mm+bf16)
set_tests_properties(diff_aarch64 diff_aarch64_bf16 PROPERTIES SKIP_RETURN_CODE 77)
# every op alone; in the default tier only on one lane and on the widest vectors, and only the two
# dialects of C
diff_test(ops_generic test_diff_ops --count 1 --printers llvm,gcc-O0 --target generic)
diff_test(ops_vectors test_diff_ops --count 1 --printers llvm,gcc-O0 --target x86-64-v4+bf16)
diff_long(ops_more test_diff_ops --printers llvm,gcc-O0,gcc-O2,clang-19-O0,clang-19-O2,clang-14-O1)
diff_test(models test_diff_models --count 300 --printers llvm,gcc-O0,clang-19-O0)
diff_long(models_more test_diff_models --count 500 --seed 1 --size 1
  --printers llvm,gcc-O1,gcc-O2,clang-19-O1,clang-19-O3,clang-14-O2)
# what was found and fixed
file(GLOB found_models CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/found/*.vg)
diff_test(found_models test_diff_models --printers llvm,gcc-O0,clang-19-O0 ${found_models})
# every kernel of every model of the fixtures
file(GLOB fixtures CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/*/config.json
  ${CMAKE_SOURCE_DIR}/tests/fixtures/onnx/*/*.onnx)
list(FILTER fixtures EXCLUDE REGEX fair_original) # a checkpoint of another project: no weights to load
diff_test(fixtures test_diff_fixtures ${fixtures})
diff_long(fixtures_more test_diff_fixtures
  --printers llvm,gcc-O0,gcc-O1,gcc-O2,clang-19-O1,clang-19-O2,clang-14-O2 ${fixtures})
# the matrix unit, emulated where it is not; skipped where other instructions of the level are not
diff_test(fixtures_tiles test_diff_fixtures --dtype bf16 --target x86-64-amx --printers llvm,gcc-O1
  ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/heads3_d16/config.json
  ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/odd_sizes/config.json
  ${CMAKE_SOURCE_DIR}/tests/fixtures/digits/model/config.json)
diff_long(fixtures_tiles_more test_diff_fixtures --dtype bf16 --target x86-64-amx
  --printers llvm,gcc-O0,gcc-O2,clang-19-O2,clang-14-O2 ${fixtures})
set_tests_properties(diff_fixtures_tiles diff_fixtures_tiles_more PROPERTIES
  SKIP_REGULAR_EXPRESSION "\\[SKIP\\]")
diff_test(tiles test_diff_tiles --printers llvm,gcc-O1,clang-19-O1,clang-14-O1)
set_tests_properties(diff_tiles PROPERTIES SKIP_RETURN_CODE 77)
diff_test(shrink test_diff_shrink)
