# cc: printed C against the object, bit for bit (label diff)
foreach(target generic x86-64-v2 x86-64-v3 x86-64-v4-256 x86-64-v4 x86-64-v4+bf16 x86-64-amx)
  foreach(model heads3_d16 odd_sizes)
    set(check python3 ${CMAKE_CURRENT_LIST_DIR}/check_c.py --vitc $<TARGET_FILE:vitc>
      --source ${CMAKE_SOURCE_DIR} --runtime $<TARGET_FILE:vitc-runtime>
      --model ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/${model} --target ${target})
    if(NOT VITC_SANITIZE)
      if(model STREQUAL heads3_d16) # the other one only in the long tier: compilers are slow
        add_test(NAME cc/${model}/${target} COMMAND ${check})
        set_tests_properties(cc/${model}/${target} PROPERTIES LABELS diff TIMEOUT 300 SKIP_RETURN_CODE 77)
      endif()
      add_test(NAME cc/${model}/${target}/all COMMAND ${check} --all)
      set_tests_properties(cc/${model}/${target}/all PROPERTIES LABELS "diff;long" TIMEOUT 1200 SKIP_RETURN_CODE 77)
    endif()
  endforeach()
endforeach()
foreach(model heads3_d16 odd_sizes)
  if(NOT VITC_SANITIZE)
    add_test(NAME cc/${model}/fat COMMAND python3 ${CMAKE_CURRENT_LIST_DIR}/check_fat.py --vitc $<TARGET_FILE:vitc>
      --source ${CMAKE_SOURCE_DIR} --runtime $<TARGET_FILE:vitc-runtime>
      --model ${CMAKE_SOURCE_DIR}/tests/fixtures/hf/${model})
    set(labels diff)
    if(model STREQUAL heads3_d16)
      list(APPEND labels long)
    endif()
    set_tests_properties(cc/${model}/fat PROPERTIES LABELS "${labels}" TIMEOUT 300)
  endif()
endforeach()
