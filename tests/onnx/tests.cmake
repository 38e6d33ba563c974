# onnx: the float exports among the fixtures, the ONNX node cases, models as text, hostile files

# ---- exports through the eager reference
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

# ---- node cases: one test for all cases of an operator
add_executable(test_onnx_nodes ${CMAKE_CURRENT_LIST_DIR}/test_onnx_nodes.c)
target_link_libraries(test_onnx_nodes PRIVATE vitc_warnings vitc_frontend vitc_onnx_schema vitc_ir)
set(nodes ${CMAKE_CURRENT_SOURCE_DIR}/fixtures/onnx_node)
file(STRINGS ${nodes}/cases.txt lines REGEX "^test_")
set(operators "")
foreach(line ${lines})
  string(REGEX MATCH "^[^\t]*\t([A-Za-z]+)" _ "${line}")
  list(APPEND operators ${CMAKE_MATCH_1})
endforeach()
list(REMOVE_DUPLICATES operators)
foreach(operator ${operators})
  add_test(NAME onnx/node/${operator} COMMAND test_onnx_nodes ${nodes} ${operator})
  set_tests_properties(onnx/node/${operator} PROPERTIES LABELS onnx TIMEOUT 60)
endforeach()

# ---- models written as text, and files that nobody sane writes
add_library(onnx_text STATIC ${CMAKE_CURRENT_LIST_DIR}/onnx_text.c)
target_link_libraries(onnx_text PRIVATE vitc_warnings PUBLIC vitc_ir)
add_executable(test_onnx_text ${CMAKE_CURRENT_LIST_DIR}/test_onnx_text.c)
target_link_libraries(test_onnx_text PRIVATE vitc_warnings onnx_text vitc_frontend vitc_ir)
add_executable(make_onnx ${CMAKE_CURRENT_LIST_DIR}/make_onnx.c) # for the transcripts in tests/golden/error
target_link_libraries(make_onnx PRIVATE vitc_warnings onnx_text vitc_ir)
file(GLOB texts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/cases/*.txt)
foreach(text ${texts})
  get_filename_component(name ${text} NAME_WE)
  add_test(NAME onnx/text/${name} COMMAND test_onnx_text ${text})
  set_tests_properties(onnx/text/${name} PROPERTIES LABELS onnx TIMEOUT 60)
endforeach()
foreach(name test_onnx_hostile test_outputs)
  add_executable(${name} ${CMAKE_CURRENT_LIST_DIR}/${name}.c)
  target_link_libraries(${name} PRIVATE vitc_warnings onnx_text vitc_frontend vitc_ir cmocka)
  add_test(NAME onnx/${name} COMMAND ${name})
  set_tests_properties(onnx/${name} PROPERTIES LABELS onnx TIMEOUT 120
    ENVIRONMENT FIXTURES=${CMAKE_CURRENT_SOURCE_DIR}/fixtures)
endforeach()
add_test(NAME onnx/rows COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR} -P ${CMAKE_CURRENT_LIST_DIR}/rows.cmake)
set_tests_properties(onnx/rows PROPERTIES LABELS onnx TIMEOUT 60)
