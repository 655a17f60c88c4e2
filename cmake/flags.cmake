# Warnings, hardening and sanitizers, as interface targets: nothing is set for the whole directory.
add_library(verifyd_flags INTERFACE)
target_compile_definitions(verifyd_flags INTERFACE _GNU_SOURCE VERIFYD_VERSION="${PROJECT_VERSION}")
target_include_directories(verifyd_flags INTERFACE ${PROJECT_SOURCE_DIR})
target_compile_options(verifyd_flags INTERFACE
	-Wall -Wextra -Wconversion -Werror -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wformat=2 -Wimplicit-fallthrough
	-Wvla -fno-common -fstack-protector-strong -fstack-clash-protection -fPIE)
target_link_options(verifyd_flags INTERFACE -pie -Wl,-z,relro,-z,now,-z,noexecstack,-z,nodlopen)

if(CMAKE_C_COMPILER_ID STREQUAL "GNU")
	target_compile_options(verifyd_flags INTERFACE -Wtrampolines)
endif()
if(CMAKE_SYSTEM_PROCESSOR MATCHES "x86_64|amd64")
	target_compile_options(verifyd_flags INTERFACE -fcf-protection=full)
endif()

# Points at which a program can be made to die (common/base/crash_point.h): builds for tests only.
option(VERIFYD_CRASH_POINTS "compile the crash points in" OFF)
if(VERIFYD_CRASH_POINTS)
	target_compile_definitions(verifyd_flags INTERFACE VERIFYD_CRASH_POINTS)
endif()

# libFuzzer's coverage counters in every library, so that it sees which bytes lead to new code (tests/fuzz).
option(VERIFYD_FUZZ "build the libFuzzer targets (needs clang)" OFF)
if(VERIFYD_FUZZ)
	target_compile_options(verifyd_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(VERIFYD_SANITIZE)
	target_compile_options(verifyd_flags INTERFACE -fsanitize=${VERIFYD_SANITIZE} -fno-sanitize-recover=all -fno-omit-frame-pointer)
	target_link_options(verifyd_flags INTERFACE -fsanitize=${VERIFYD_SANITIZE})
else()
	target_compile_options(verifyd_flags INTERFACE $<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE;-D_FORTIFY_SOURCE=3>)
endif()
