# hf: every Hugging Face fixture through the eager reference, all golden tensors
file(GLOB cases CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/fixtures/hf/*/case.json)
foreach(case ${cases})
  get_filename_component(name ${case} DIRECTORY)
  get_filename_component(name ${name} NAME)
  add_test(NAME hf/${name} COMMAND eval_case ${case})
  set_tests_properties(hf/${name} PROPERTIES LABELS hf TIMEOUT 120)
endforeach()
