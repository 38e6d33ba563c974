# installed.cmake: vitc finds its headers and its library where they were installed.
#   cmake -DBUILD=… -DMODEL=… -DPLACE=… -P installed.cmake
file(REMOVE_RECURSE ${PLACE})
execute_process(COMMAND ${CMAKE_COMMAND} --install ${BUILD} --prefix ${PLACE} OUTPUT_QUIET COMMAND_ERROR_IS_FATAL ANY)
file(RENAME ${PLACE} ${PLACE}.moved) # wherever that may be
execute_process(COMMAND ${PLACE}.moved/bin/vitc compile ${MODEL} -o ${PLACE}.moved/libmodel.so
  --emit so --backend c -t generic -q COMMAND_ERROR_IS_FATAL ANY)
file(REMOVE_RECURSE ${PLACE}.moved/include)
execute_process(COMMAND ${PLACE}.moved/bin/vitc compile ${MODEL} -o ${PLACE}.moved/model.o
  --backend c -t generic RESULT_VARIABLE status ERROR_VARIABLE said)
file(REMOVE_RECURSE ${PLACE}.moved)
if(NOT status EQUAL 5 OR NOT said MATCHES "'vitc_object.h', which comes with vitc, is not installed")
  message(FATAL_ERROR "without headers: exit ${status}: ${said}")
endif()
