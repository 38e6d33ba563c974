# golden: text through vitc, compared with the text below "---- want" (VITC_BLESS=1 rewrites it)
file(GLOB goldens CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*/*.v[gkp])
foreach(golden ${goldens})
  file(RELATIVE_PATH name ${CMAKE_CURRENT_LIST_DIR} ${golden})
  add_test(NAME golden/${name} COMMAND ${CMAKE_COMMAND} -DTOOL=$<TARGET_FILE:vitc> -DTEST=${golden}
    -P ${CMAKE_CURRENT_LIST_DIR}/golden.cmake)
  set_tests_properties(golden/${name} PROPERTIES LABELS golden TIMEOUT 60)
endforeach()
