# What is installed, and the Debian package of it (`cmake --build --preset release --target package`).
include(GNUInstallDirs)
install(TARGETS verifyd-ingress verifyd-worker verifyctl RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})

# Units: the service's own lines and the sandbox that both share.
file(READ ${PROJECT_SOURCE_DIR}/deploy/systemd/sandbox.conf SANDBOX)
string(STRIP "${SANDBOX}" SANDBOX)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${PROJECT_SOURCE_DIR}/deploy/systemd/sandbox.conf)
foreach(unit verifyd-ingress verifyd-worker)
	configure_file(deploy/systemd/${unit}.service ${PROJECT_BINARY_DIR}/systemd/${unit}.service @ONLY)
	install(FILES ${PROJECT_BINARY_DIR}/systemd/${unit}.service DESTINATION lib/systemd/system)
endforeach()

# Settings to begin with; the package marks them as the administrator's.
install(FILES deploy/debian/verifyd.env deploy/debian/ingress.env deploy/debian/worker.env DESTINATION /etc/verifyd)
install(DIRECTORY deploy/b2c/ui/ DESTINATION ${CMAKE_INSTALL_DATADIR}/verifyd/ui FILES_MATCHING PATTERN "*.html" PATTERN "csp.txt" PATTERN "src" EXCLUDE)
install(FILES deploy/completion/verifyctl DESTINATION ${CMAKE_INSTALL_DATADIR}/bash-completion/completions)
install(FILES README.md DESTINATION ${CMAKE_INSTALL_DOCDIR})
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} RENAME copyright)
install(DIRECTORY docs/ DESTINATION ${CMAKE_INSTALL_DOCDIR} FILES_MATCHING PATTERN "*.md")

# Manual pages say what --help says, so they are made from it.
find_program(HELP2MAN help2man)
if(HELP2MAN)
	set(pages)
	foreach(page verifyd-ingress:8 verifyd-worker:8 verifyctl:1)
		string(REPLACE ":" ";" parts ${page})
		list(GET parts 0 program)
		list(GET parts 1 section)
		set(page_file ${PROJECT_BINARY_DIR}/man/${program}.${section})
		set(out ${page_file}.gz)
		add_custom_command(OUTPUT ${out}
			COMMAND ${CMAKE_COMMAND} -E make_directory ${PROJECT_BINARY_DIR}/man
			COMMAND ${HELP2MAN} --no-info --section=${section} --source=verifyd --include=${PROJECT_SOURCE_DIR}/deploy/man/${program}.h2m
				--output=${page_file} $<TARGET_FILE:${program}>
			COMMAND gzip -9nf ${page_file}
			DEPENDS ${program} deploy/man/${program}.h2m VERBATIM)
		install(FILES ${out} DESTINATION ${CMAKE_INSTALL_MANDIR}/man${section} OPTIONAL)
		list(APPEND pages ${out})
	endforeach()
	add_custom_target(man DEPENDS ${pages})
endif()

set(CPACK_GENERATOR DEB)
set(CPACK_PACKAGE_NAME verifyd)
set(CPACK_PACKAGE_VENDOR verifyd)
set(CPACK_PACKAGE_CONTACT "verifyd contributors <maintainers@verifyd.example>")
set(CPACK_PACKAGE_DESCRIPTION_SUMMARY "identity verification and fraud scores for Azure AD B2C")
set(CPACK_PACKAGE_DESCRIPTION "A thin HTTP ingress writes the requests of Azure AD B2C custom policies to
 Kafka, workers ask Jumio and BioCatch, and answers come back through Redis
 while the caller waits or when it asks again.")
set(CPACK_PACKAGING_INSTALL_PREFIX /usr)
set(CPACK_STRIP_FILES ON)
set(CPACK_DEBIAN_FILE_NAME DEB-DEFAULT)
set(CPACK_DEBIAN_PACKAGE_SECTION net)
set(CPACK_DEBIAN_PACKAGE_SHLIBDEPS ON)
set(CPACK_DEBIAN_PACKAGE_RECOMMENDS ca-certificates)
set(CPACK_DEBIAN_PACKAGE_SUGGESTS "redis-server (>= 5:6)")
set(CPACK_DEBIAN_PACKAGE_CONTROL_EXTRA ${PROJECT_SOURCE_DIR}/deploy/debian/conffiles;${PROJECT_SOURCE_DIR}/deploy/debian/postinst;${PROJECT_SOURCE_DIR}/deploy/debian/prerm;${PROJECT_SOURCE_DIR}/deploy/debian/postrm)
include(CPack)
