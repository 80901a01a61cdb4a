# The few commands of this project: a thin front for meson (build), tests/run.py and tests/lab.
# `make demo` and `make test` need nothing but make and apt-get on a fresh Debian 12.

BUILD = build
PYTHON = /usr/bin/python3
PACKAGES = $(shell sed 's/\#.*//' packages.txt)

build: $(BUILD)/build.ninja
	ninja -C $(BUILD)

$(BUILD)/build.ninja:
	meson setup $(BUILD)

# A machine that has every package is only asked, not touched.
deps:
	@missing=$$(for package in $(PACKAGES); do \
		dpkg-query -W -f='$${db:Status-Status}\n' $$package 2>/dev/null | grep -qx installed || echo $$package; \
	done); \
	[ -n "$$missing" ] || exit 0; \
	as_root=; [ "$$(id -u)" = 0 ] || as_root=sudo; \
	echo "make deps: installing with apt-get, which says below how much it downloads:" $$missing; \
	$$as_root apt-get update -q && \
	DEBIAN_FRONTEND=noninteractive $$as_root apt-get install -y --no-install-recommends $$missing

test: deps
	$(PYTHON) tests/run.py

# What a release is tried on: all cases of the lab in their long versions, those for a kernel that is built for them, and
# every case on every whole disk (hours).
lab: deps build
	PASSTHRU_LAB_LONG=1 tests/lab/run.sh
	tests/lab/large/run.py --long

demo: deps build
	tests/lab/demo.sh

bench: deps build
	$(PYTHON) tests/bench/bench.py
	$(PYTHON) tests/bench/handover.py

install: build
	meson install -C $(BUILD) --no-rebuild

clean:
	rm -rf build build-*

.PHONY: build deps test lab demo bench install clean
