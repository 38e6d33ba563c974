# cross: compiled models on machines that are not this one, under qemu (label cross)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
foreach(machine aarch64 x86-64 riscv64 s390x i386)
  if(NOT VITC_SANITIZE)
    set(check ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/cross.py ${machine} --vitc $<TARGET_FILE:vitc>
      --source ${CMAKE_SOURCE_DIR})
    add_test(NAME cross/${machine} COMMAND ${check})
    set_tests_properties(cross/${machine} PROPERTIES LABELS cross TIMEOUT 300 SKIP_RETURN_CODE 77)
    add_test(NAME cross/${machine}/all COMMAND ${check} --all)
    set_tests_properties(cross/${machine}/all PROPERTIES LABELS "cross;long" TIMEOUT 1200 SKIP_RETURN_CODE 77)
  endif()
endforeach()

# ---- what readelf says of objects, and compilers of headers
function(cross_link_test name)
  add_test(NAME cross/${name} COMMAND ${Python3_EXECUTABLE} ${ARGN} --vitc $<TARGET_FILE:vitc>
    --source ${CMAKE_SOURCE_DIR})
  set_tests_properties(cross/${name} PROPERTIES LABELS "cross;link" TIMEOUT 120 SKIP_RETURN_CODE 77)
endfunction()
foreach(machine x86-64 aarch64)
  cross_link_test(notes/${machine} ${CMAKE_CURRENT_LIST_DIR}/notes.py ${machine})
endforeach()
cross_link_test(headers ${CMAKE_CURRENT_LIST_DIR}/headers.py)
