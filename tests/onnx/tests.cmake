# onnx: every float export among the fixtures through the eager reference
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fixtures/onnx/*/case.json)
foreach(case ${cases})
  get_filename_component(name ${case} DIRECTORY)
  get_filename_component(name ${name} NAME)
  # a file of f16 weights is compared with what the model gave before they were rounded
  set(tolerance 1e-5)
  if(name MATCHES "fp16")
    set(tolerance 5e-3)
  endif()
  add_test(NAME onnx/${name} COMMAND eval_case ${case} ${tolerance})
  set_tests_properties(onnx/${name} PROPERTIES LABELS onnx TIMEOUT 120)
endforeach()
