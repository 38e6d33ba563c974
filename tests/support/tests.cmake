# eval_case: the eager reference against the golden tensors of a fixture (labels hf and onnx)
add_executable(eval_case ${CMAKE_CURRENT_LIST_DIR}/eval_case.c)
target_link_libraries(eval_case PRIVATE vitc_warnings vitc_frontend vitc_ir PkgConfig::CJSON)
