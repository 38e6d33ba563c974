# style: conventions that a machine can check
add_test(NAME style/layering COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/style/layering.cmake)
add_test(NAME style/text COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/style/text.cmake)
add_test(NAME style/tables COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}
  -P ${CMAKE_CURRENT_SOURCE_DIR}/style/tables.cmake)
set_tests_properties(style/layering style/text style/tables PROPERTIES LABELS style TIMEOUT 60)
