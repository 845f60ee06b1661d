# SPDX-FileCopyrightText: The qvm-wyng developers
# SPDX-License-Identifier: GPL-2.0-or-later
#
# What is installed where, and the packages made of it. Included by Makefile.
#
# make install-common   what both sides need: wyng_common and the store
# make install-dom0     qvm-wyng, its window, its timers and its policy
# make install-vm       what lets a qube keep archives
#     with DESTDIR=, and any of the places below
# make rpm, make deb    the packages, in build/rpm and build/deb

DESTDIR ?=
BINDIR ?= /usr/bin
MANDIR ?= /usr/share/man
DOCDIR ?= /usr/share/doc
APPDIR ?= /usr/share/applications
ICONDIR ?= /usr/share/icons/hicolor/scalable/apps
AUTOSTARTDIR ?= /etc/xdg/autostart
COMPLETIONDIR ?= /usr/share/bash-completion/completions
UNITDIR ?= /usr/lib/systemd/system
PRESETDIR ?= /usr/lib/systemd/system-preset
RPCDIR ?= /etc/qubes-rpc
# The services' scripts name it: it can't be given.
LIBEXECDIR = /usr/libexec/qvm-wyng
POLICYDIR ?= /etc/qubes/policy.d
STATEDIR ?= /var/lib/qvm-wyng
DOC_COMMON ?= $(DOCDIR)/python3-wyng-common
DOC_DOM0 ?= $(DOCDIR)/qvm-wyng-dom0
DOC_VM ?= $(DOCDIR)/qvm-wyng-vm
# Of the interpreter that the installed programs name in their first line.
PYTHON_SITELIB ?= $(shell /usr/bin/python3 -Ic \
	'import sysconfig; print(sysconfig.get_path("purelib"))')

DOCS_COMMON = CHANGELOG.md doc/store.md doc/protocol.md \
	doc/archive-format.md
DOCS_DOM0 = README.md doc/design.md doc/threat-model.md doc/packaging.md \
	doc/guide.md doc/options.md doc/interfaces.md
DOCS_VM = doc/packaging.md
UNITS_DOM0 = qvm-wyng-send@.service qvm-wyng-send@.timer \
	qvm-wyng-monitor@.service qvm-wyng-monitor@.timer \
	qvm-wyng-overdue@.service qvm-wyng-overdue@.timer \
	qvm-wyng-drill@.service qvm-wyng-drill@.timer \
	qvm-wyng-requests.service

RPC_DOM0 = wyng.Ready wyng.Restore
RPC_VM = wyng.Get wyng.Init wyng.Prune wyng.Put wyng.Ssh wyng.Verify
UNITS_VM = wyng-store-scrub.service wyng-store-scrub.timer
PROGRAMS_VM = wyng-ready wyng-request-restore

INSTALL = umask 022 && install -p -m 644 -D

# $(1): the folder it lies in, $(2): a Python package; its modules and data.
define install-package
	umask 022 && cd $(1) && find $(2) -type f \
		\( -name '*.py' -o -name '*.txt' -o -name py.typed \) -exec \
		install -p -m 644 -D {} $(DESTDIR)$(PYTHON_SITELIB)/{} \;
endef

.PHONY: install-common install-dom0 install-vm

install-common:
	$(call install-package,common,wyng_common)
	$(call install-package,backupvm,wyng_store)
	$(INSTALL) -m 755 backupvm/wyng-store $(DESTDIR)$(BINDIR)/wyng-store
	$(INSTALL) -t $(DESTDIR)$(MANDIR)/man1 doc/man/wyng-store.1
	$(INSTALL) -t $(DESTDIR)$(DOC_COMMON) $(DOCS_COMMON)

install-dom0:
	$(call install-package,dom0,wyng_dom0)
	$(INSTALL) -m 755 dom0/qvm-wyng $(DESTDIR)$(BINDIR)/qvm-wyng
	$(INSTALL) -m 755 dom0/qubes-wyng-manager \
		$(DESTDIR)$(BINDIR)/qubes-wyng-manager
	$(INSTALL) -t $(DESTDIR)$(MANDIR)/man1 doc/man/qvm-wyng.1 \
		doc/man/qubes-wyng-manager.1
	$(INSTALL) -t $(DESTDIR)$(APPDIR) desktop/qubes-wyng-manager.desktop
	$(INSTALL) -t $(DESTDIR)$(ICONDIR) desktop/qubes-wyng-manager.svg
	$(INSTALL) desktop/qubes-wyng-manager-autostart.desktop \
		$(DESTDIR)$(AUTOSTARTDIR)/qubes-wyng-manager.desktop
	$(INSTALL) -t $(DESTDIR)$(UNITDIR) $(UNITS_DOM0:%=systemd/%)
	$(INSTALL) -t $(DESTDIR)$(DOC_DOM0) $(DOCS_DOM0)
	$(INSTALL) -t $(DESTDIR)$(COMPLETIONDIR) completion/qvm-wyng
	$(INSTALL) -m 755 -t $(DESTDIR)$(LIBEXECDIR) dom0/libexec/answer \
		dom0/libexec/decide
	$(INSTALL) -m 755 -t $(DESTDIR)$(RPCDIR) $(RPC_DOM0:%=qubes-rpc/dom0/%)
	# A file that is half there under this name refuses every call there is.
	$(INSTALL) policy/80-wyng.policy $(DESTDIR)$(POLICYDIR)/80-wyng.tmp
	mv -f $(DESTDIR)$(POLICYDIR)/80-wyng.tmp \
		$(DESTDIR)$(POLICYDIR)/80-wyng.policy
	install -m 700 -d $(DESTDIR)$(STATEDIR)

install-vm:
	$(INSTALL) -m 755 -t $(DESTDIR)$(RPCDIR) $(RPC_VM:%=qubes-rpc/vm/%)
	$(INSTALL) -m 755 -t $(DESTDIR)$(BINDIR) $(PROGRAMS_VM:%=backupvm/%)
	$(INSTALL) -t $(DESTDIR)$(MANDIR)/man1 $(PROGRAMS_VM:%=doc/man/%.1)
	$(INSTALL) -t $(DESTDIR)$(UNITDIR) $(UNITS_VM:%=systemd/%)
	$(INSTALL) -t $(DESTDIR)$(PRESETDIR) systemd/75-qvm-wyng-vm.preset
	$(INSTALL) -t $(DESTDIR)$(DOC_VM) $(DOCS_VM)

# ---- packages

BUILD ?= build
BUILD_PATH = $(abspath $(BUILD))
PACKAGE_VERSION := $(shell cat version)
RPMS = python3-wyng-common qvm-wyng-dom0 qvm-wyng-vm
SOURCE_FOLDERS = common dom0 backupvm qubes-rpc policy systemd completion \
	desktop doc rpm_spec debian
SOURCE_FILES = Makefile install.mk pyproject.toml version rel LICENSE \
	README.md CHANGELOG.md .qubesbuilder
# The newest entry's date: the same source gives the same packages whenever
# and wherever they are built.
PACKAGE_EPOCH := $(shell date +%s -d "$$(sed -n \
	's/^ -- .*>  //p;T;q' debian/changelog)")
# What else the builder's surroundings could leave in a package.
PLAIN = env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=$(BUILD_PATH) LC_ALL=C \
	TZ=UTC SOURCE_DATE_EPOCH=$(PACKAGE_EPOCH) PYTHONHASHSEED=0

# $(1): the folder in the archive; $(2): the archive.
define pack-source
	@mkdir -p $(dir $(2))
	tar -c --sort=name --mtime=@$(PACKAGE_EPOCH) --owner=0 --group=0 \
		--numeric-owner --mode=u=rwX,go=rX --exclude=__pycache__ \
		--exclude='*.pyc' --exclude='*.egg-info' \
		--transform='s,^,$(1)/,' $(SOURCE_FILES) $(SOURCE_FOLDERS) \
		| gzip -9n >$(2)
endef

define need
	@command -v $(1) >/dev/null || { \
		echo "$(1) is not installed: apt install $(2)" >&2; exit 1; }
endef

.PHONY: rpm deb $(RPMS:%=rpm-%)

rpm: $(RPMS:%=rpm-%)

# Built without the macros of Fedora's packages: the specs define their own.
$(RPMS:%=rpm-%): rpm-%:
	$(call need,rpmbuild,rpm)
	rm -rf $(BUILD)/rpm-work/$*
	$(call pack-source,$*-$(PACKAGE_VERSION),$(BUILD)/rpm-work/$*/SOURCES/$*-$(PACKAGE_VERSION).tar.gz)
	$(PLAIN) python3 rpm_spec/render_spec.py $* \
		>$(BUILD)/rpm-work/$*/$*.spec
	$(PLAIN) rpmbuild -bb --quiet --nodeps \
		--define '_topdir $(BUILD_PATH)/rpm-work/$*' \
		--define '_rpmdir $(BUILD_PATH)/rpm' \
		--define '_rpmfilename %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm' \
		--define '_buildhost localhost' \
		--define 'use_source_date_epoch_as_buildtime 1' \
		--define 'clamp_mtime_to_source_date_epoch 1' \
		$(BUILD)/rpm-work/$*/$*.spec
	rm -rf $(BUILD)/rpm-work/$*

deb:
	$(call need,dpkg-buildpackage,dpkg-dev)
	$(call need,dh,debhelper)
	$(call need,dh_python3,dh-python)
	rm -rf $(BUILD)/deb
	$(call pack-source,qvm-wyng-$(PACKAGE_VERSION),$(BUILD)/deb/qvm-wyng.tar.gz)
	tar -xzf $(BUILD)/deb/qvm-wyng.tar.gz -C $(BUILD)/deb
	cd $(BUILD)/deb/qvm-wyng-$(PACKAGE_VERSION) && \
		$(PLAIN) dpkg-buildpackage -b -us -uc >../build.log 2>&1 || \
		{ cat ../build.log >&2; exit 1; }
	rm -rf $(BUILD)/deb/qvm-wyng-$(PACKAGE_VERSION)
