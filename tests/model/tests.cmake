# model: every float model of tests/fixtures, compiled for every level and run at 1 and 2 threads
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(FIXTURES ${CMAKE_SOURCE_DIR}/tests/fixtures)
file(GLOB cases CONFIGURE_DEPENDS ${FIXTURES}/hf/*/case.json ${FIXTURES}/onnx/*/case.json)
foreach(case ${cases})
  get_filename_component(folder ${case} DIRECTORY)
  file(RELATIVE_PATH name ${FIXTURES} ${folder})
  string(REPLACE "/" "." name ${name})
  foreach(target generic x86-64-v3 x86-64-v4)
    add_test(NAME model.${name}.${target} COMMAND ${Python3_EXECUTABLE}
      ${CMAKE_CURRENT_LIST_DIR}/check_case.py $<TARGET_FILE:vitc> ${folder} ${target})
    set_tests_properties(model.${name}.${target} PROPERTIES LABELS model SKIP_RETURN_CODE 77)
  endforeach()
endforeach()
foreach(dtype f32 f16 bf16)
  add_test(NAME model.digits.${dtype} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_LIST_DIR}/digits.py $<TARGET_FILE:vitc> ${FIXTURES}/digits ${dtype})
  set_tests_properties(model.digits.${dtype} PROPERTIES LABELS model)
endforeach()
foreach(target x86-64-v4+bf16 x86-64-amx)
  add_test(NAME model.f32_math.${target} COMMAND ${Python3_EXECUTABLE}
    ${CMAKE_CURRENT_LIST_DIR}/f32_math.py $<TARGET_FILE:vitc> ${FIXTURES}/digits/model ${target})
  set_tests_properties(model.f32_math.${target} PROPERTIES LABELS model SKIP_RETURN_CODE 77)
endforeach()
