# abi: standalone objects and self-tests, as LLVM's object and as C, for one level and several
function(vitc_abi_test name cc kind target)
  if(VITC_SANITIZE)
    return()
  endif()
  add_test(NAME abi/${name} COMMAND python3 ${CMAKE_CURRENT_FUNCTION_LIST_DIR}/abi.py --vitc $<TARGET_FILE:vitc>
    --source ${CMAKE_SOURCE_DIR} --runtime $<TARGET_FILE:vitc-runtime> --cc ${cc} ${kind} ${target})
  set_tests_properties(abi/${name} PROPERTIES LABELS "link;${ARGN}" TIMEOUT 300 SKIP_RETURN_CODE 77)
endfunction()
vitc_abi_test(object cc obj native)
vitc_abi_test(fat_object cc obj x86-64-v3,x86-64-v4,generic)
vitc_abi_test(c cc c generic)
vitc_abi_test(fat_c cc c x86-64-v3,generic long)
vitc_abi_test(c_clang clang-19 c generic long)
