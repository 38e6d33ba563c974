# golden: texts through vitc, compared with what is expected (VITC_BLESS=1 ctest -L golden rewrites that). A new
# level in target.def asks for one expected text of every file with LEVEL in it: the same command writes them.
set(name "\"([^\"]*)\"") # TARGET(name, ..., features, fallback, LLVM cpu), which may go on in a second line
file(READ ${CMAKE_SOURCE_DIR}/ir/target.def levels)
string(REGEX MATCHALL "\nTARGET\\(${name}[^\"]*${name}" levels "${levels}")
list(TRANSFORM levels REPLACE "^.*\\(${name}[^\"]*${name}" "\\1:\\2")
string(REPLACE ";" "," levels "${levels}")
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${CMAKE_SOURCE_DIR}/ir/target.def)

file(GLOB goldens CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*/*.v[gkp])
foreach(golden ${goldens})
  file(RELATIVE_PATH name ${CMAKE_CURRENT_LIST_DIR} ${golden})
  add_test(NAME golden/${name} COMMAND ${CMAKE_COMMAND} -DTOOL=$<TARGET_FILE:vitc> -DTEST=${golden} -DLEVELS=${levels}
    -P ${CMAKE_CURRENT_LIST_DIR}/golden.cmake)
  set_tests_properties(golden/${name} PROPERTIES LABELS golden TIMEOUT 60)
endforeach()

# error: transcripts of what vitc says about wrong files and commands, word for word
find_package(Python3 REQUIRED COMPONENTS Interpreter)
file(GLOB transcripts CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/error/*.txt)
foreach(transcript ${transcripts})
  get_filename_component(name ${transcript} NAME_WE)
  add_test(NAME golden/error/${name} COMMAND ${Python3_EXECUTABLE} ${CMAKE_SOURCE_DIR}/tests/cli/transcript.py
    $<TARGET_FILE:vitc> ${CMAKE_SOURCE_DIR}/tests/fixtures ${transcript} $<TARGET_FILE_DIR:make_onnx>
    ${CMAKE_CURRENT_LIST_DIR}/error)
  set_tests_properties(golden/error/${name} PROPERTIES LABELS golden TIMEOUT 120)
endforeach()

add_test(NAME golden/coverage COMMAND ${CMAKE_COMMAND} -DROOT=${CMAKE_SOURCE_DIR}
  -P ${CMAKE_CURRENT_LIST_DIR}/coverage.cmake)
set_tests_properties(golden/coverage PROPERTIES LABELS golden TIMEOUT 60)
