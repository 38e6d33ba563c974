# examples: each program of examples/ around an object made by the vitc of this build (label link)
find_package(Python3 REQUIRED COMPONENTS Interpreter)
set(digits ${CMAKE_SOURCE_DIR}/tests/fixtures/digits)
set(made ${CMAKE_CURRENT_BINARY_DIR}/examples)
file(MAKE_DIRECTORY ${made})
add_custom_command(OUTPUT ${made}/digits.o ${made}/digits.h
  COMMAND vitc compile -q ${digits}/model -o ${made}/digits.o
  DEPENDS vitc ${digits}/model/model.safetensors ${digits}/model/config.json)
add_custom_target(digits_object DEPENDS ${made}/digits.o)
foreach(name minimal classify)
  add_executable(example_${name} ${CMAKE_SOURCE_DIR}/examples/${name}.c ${made}/digits.o)
  add_dependencies(example_${name} digits_object)
  target_include_directories(example_${name} PRIVATE ${made})
  target_link_libraries(example_${name} PRIVATE vitc_warnings vitc-runtime)
endforeach()
target_link_libraries(example_classify PRIVATE PkgConfig::PNG)
add_test(NAME link/examples COMMAND ${Python3_EXECUTABLE} ${CMAKE_CURRENT_LIST_DIR}/examples.py
  $<TARGET_FILE:vitc> $<TARGET_FILE:example_minimal> $<TARGET_FILE:example_classify> ${digits})
set_tests_properties(link/examples PROPERTIES LABELS link TIMEOUT 120)
