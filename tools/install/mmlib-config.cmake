# SPDX-License-Identifier: MIT
# find_package(mmlib [COMPONENTS LAYER…]): the installed sources, see mmlib.cmake.
set(MMLIB_LAYERS ${mmlib_FIND_COMPONENTS})
get_filename_component(mmlib_prefix "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
include("${mmlib_prefix}/share/mmlib/mmlib.cmake")
foreach(mmlib_layer IN LISTS mmlib_FIND_COMPONENTS)
  set(mmlib_${mmlib_layer}_FOUND TRUE)
endforeach()
