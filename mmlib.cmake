# SPDX-License-Identifier: MIT
# mmlib for CMake. Say which layers are wanted (src/layers names them; nothing: all), then include this
# file and link the target, which brings sources and include paths: they are compiled with the flags of
# whoever links it.
#
#	set(MMLIB_LAYERS heap pt_x86_64 pvh)
#	include(path/to/mmlib/mmlib.cmake)
#	target_link_libraries(kernel PRIVATE mmlib::mmlib)
#
# Where mmlib is installed: find_package(mmlib COMPONENTS heap pt_x86_64 pvh).
# It sets MMLIB_SOURCES and MMLIB_INCLUDE_DIRS too.
include_guard(DIRECTORY)
set(MMLIB_INCLUDE_DIRS "${CMAKE_CURRENT_LIST_DIR}/include" "${CMAKE_CURRENT_LIST_DIR}/src")

# The list: which layers there are, what each needs, and its files.
file(STRINGS "${CMAKE_CURRENT_LIST_DIR}/src/layers" mmlib_lines)
set(mmlib_names)
foreach(mmlib_line IN LISTS mmlib_lines)
  if(mmlib_line MATCHES "^([a-z0-9_]+):(.*)$")
    set(mmlib_layer "${CMAKE_MATCH_1}")
    string(REGEX MATCHALL "[a-z0-9_]+" mmlib_needs_${mmlib_layer} "${CMAKE_MATCH_2}")
    set(mmlib_files_${mmlib_layer})
    list(PREPEND mmlib_names "${mmlib_layer}") # highest first: who is needed comes behind
  elseif(mmlib_line MATCHES "^\t(.+)$")
    list(APPEND mmlib_files_${mmlib_layer} "${CMAKE_CURRENT_LIST_DIR}/src/${CMAKE_MATCH_1}")
  endif()
endforeach()

set(mmlib_wanted ${MMLIB_LAYERS})
if(NOT mmlib_wanted)
  set(mmlib_wanted ${mmlib_names})
endif()
foreach(mmlib_layer IN LISTS mmlib_wanted)
  if(NOT mmlib_layer IN_LIST mmlib_names)
    message(FATAL_ERROR "mmlib: there is no layer ${mmlib_layer}")
  endif()
endforeach()
set(MMLIB_SOURCES)
foreach(mmlib_layer IN LISTS mmlib_names)
  if(mmlib_layer IN_LIST mmlib_wanted)
    list(APPEND mmlib_wanted ${mmlib_needs_${mmlib_layer}})
    list(APPEND MMLIB_SOURCES ${mmlib_files_${mmlib_layer}})
  endif()
endforeach()

add_library(mmlib INTERFACE)
add_library(mmlib::mmlib ALIAS mmlib)
target_sources(mmlib INTERFACE ${MMLIB_SOURCES})
target_include_directories(mmlib INTERFACE ${MMLIB_INCLUDE_DIRS})
