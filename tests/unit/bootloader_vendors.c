// SPDX-License-Identifier: MIT
// Boot loaders with menus as text: the words get into every normal entry, one entry stays without
// them, a second plan is empty, and undo gives the bytes back. Menus are of the form that the
// programs write.

#include "tests/unit/bootloader_vendors.h"

#define WORDS "passthru.boot=1 iommu=pt hugepagesz=2M hugepages=64"

/* ---- rEFInd ---- */

#define REFIND_LINES                                                                               \
	"# made by mkrlconf\n"                                                                     \
	"\"Boot with standard options\"  \"root=UUID=1 ro quiet\"\n"                               \
	"\"Boot to single-user mode\"    \"root=UUID=1 ro quiet single\"\n"                        \
	"\"Boot with minimal options\"   \"ro root=UUID=1\"\n"

static void refind(void)
{
	efi("boot/efi", NULL);
	assert_int_equal(unlink(temporary_path(&v.t, LOADER_INFO)), 0);
	file("boot/efi/EFI/refind/refind_x64.efi", "MZ");
	file("boot/efi/EFI/refind/refind.conf", "timeout 20\n"
						"menuentry Linux {\n"
						"    loader /vmlinuz\n"
						"    options \"ro\"\n"
						"    disabled\n"
						"}\n");
	file("boot/refind_linux.conf", REFIND_LINES);
	command_line("root=UUID=1 ro quiet initrd=\\boot\\initrd.img-" RELEASE "\n");
}

static void test_refind(void **state)
{
	(void)state;
	refind();
	is_chosen("refind");
	assert_true(v.boot.chosen->seen);
	applied();
	assert_string_equal(text_of("boot/refind_linux.conf"),
			    "# made by mkrlconf\n"
			    "\"Boot with standard options\"  \"root=UUID=1 ro quiet " WORDS "\"\n"
			    "\"Boot to single-user mode\"    \"root=UUID=1 ro quiet single\"\n"
			    "\"Boot with minimal options\"   \"ro root=UUID=1 " WORDS "\"\n"
			    "\"passthru-without\" \"root=UUID=1 ro quiet\"\n");
	undone();
	trial_refused("one boot only");
}

/* The image that was there before stands in the entry, where the entry names an image. */
static void test_refind_image(void **state)
{
	(void)state;
	refind();
	file("boot/refind_linux.conf",
	     "\"a\" \"root=UUID=1 initrd=boot\\initrd.img-" RELEASE " title=\"\"x y\"\"\"");
	file("boot/initrd.img-" RELEASE ".passthru-old", "old\n");
	v.change.plain_image = "boot/initrd.img-" RELEASE ".passthru-old";
	applied();
	assert_string_equal(text_of("boot/refind_linux.conf"),
			    "\"a\" \"root=UUID=1 initrd=boot\\initrd.img-" RELEASE
			    " title=\"\"x y\"\" " WORDS "\"\n"
			    "\"passthru-without\" \"root=UUID=1 initrd=boot\\initrd.img-" RELEASE
			    ".passthru-old title=\"\"x y\"\"\"\n");
	undone();
}

/* The file that rEFInd comes with: its examples have entries inside; and a theme. */
static void test_refind_shipped(void **state)
{
	(void)state;
	refind();
	file("boot/efi/EFI/refind/refind.conf",
	     "timeout 20\n#menuentry {\n"
	     "menuentry \"Arch Linux\" {\n    loader   /boot/vmlinuz-linux\n"
	     "    options  \"root=PARTUUID=5028 rw add_efi_memmap\"\n"
	     "    submenuentry \"Boot using fallback initramfs\" {\n"
	     "        initrd /boot/initramfs-linux-fallback.img\n    }\n"
	     "    submenuentry \"Boot to terminal\" {\n"
	     "        add_options \"systemd.unit=multi-user.target\"\n    }\n"
	     "    disabled\n}\n"
	     "include \"themes\\X\\theme.conf\" # dark\n");
	file("boot/efi/EFI/refind/themes/x/theme.conf", "icons_dir themes/x\ninclude y.conf\n");
	applied();
	undone();
}

static void test_refind_refused(void **state)
{
	(void)state;
	refind();
	file("boot/efi/EFI/refind/refind.conf", "menuentry Linux {\n loader /v\n options ro\n}\n");
	permanent_refused("menuentry with options of its own");
	file("boot/efi/EFI/refind/refind.conf",
	     "menuentry a {\n submenuentry b {\n options ro\n disabled\n }\n}\n");
	permanent_refused("menuentry with options of its own");
	file("boot/efi/EFI/refind/refind.conf",
	     "MenuEntry a {\n submenuentry b {\n }\n Options ro\n# }\n");
	permanent_refused("menuentry with options of its own");
	file("boot/efi/EFI/refind/refind.conf", "include themes/x/theme.conf\n");
	permanent_refused("includes themes/x/theme.conf, which was not found");
	file("boot/efi/EFI/refind/themes/x/theme.conf", "menuentry a {\n options ro\n}\n");
	permanent_refused("x/theme.conf has a menuentry with options of its own");
	file("boot/efi/EFI/refind/refind.conf", "timeout 1\n");
	file("boot/refind_linux.conf", "\"a\" \"x\"\n\"a\" \"y\"\n");
	permanent_refused("several command lines");
	file("boot/refind_linux.conf", "\"a\" x\n");
	permanent_refused("no entry that starts Linux");
}

/* ---- extlinux by hand, and Alpine ---- */

#define EXTLINUX                                                                                   \
	"DEFAULT debian\nPROMPT 1\nTIMEOUT 50\n\n"                                                 \
	"LABEL debian\n"                                                                           \
	"    MENU LABEL Debian\n"                                                                  \
	"    LINUX ../vmlinuz-" RELEASE "\n"                                                       \
	"    INITRD ../initrd.img-" RELEASE "\n"                                                   \
	"    APPEND root=UUID=1 ro\n\n"                                                            \
	"label fallback\n"                                                                         \
	"    kernel ../vmlinuz-old\n"                                                              \
	"    append initrd=../initrd-old root=UUID=1 ro\n\n"                                       \
	"LABEL hdt\n    COM32 hdt.c32\n    APPEND memtest=memtest\n"

static void test_extlinux(void **state)
{
	(void)state;
	file("boot/syslinux/syslinux.cfg", EXTLINUX);
	file("boot/syslinux/ldlinux.sys", "");
	command_line("BOOT_IMAGE=../vmlinuz-" RELEASE " root=UUID=1 ro initrd=../initrd.img\n");
	file("boot/initrd.img-" RELEASE ".passthru-old", "old\n");
	v.change.plain_image = "boot/initrd.img-" RELEASE ".passthru-old";
	is_chosen("extlinux");
	assert_true(v.boot.chosen->seen);
	applied();
	const char *text = text_of("boot/syslinux/syslinux.cfg");
	assert_non_null(strstr(text, "    APPEND root=UUID=1 ro " WORDS "\n\nlabel fallback\n"));
	assert_int_equal(times(text, "passthru.boot=1"), 1);
	assert_non_null(strstr(text, "APPEND memtest=memtest\n\nLABEL passthru-without\n"
				     "    LINUX ../vmlinuz-" RELEASE "\n"
				     "    INITRD ../initrd.img-" RELEASE ".passthru-old\n"
				     "    APPEND root=UUID=1 ro\n"));
	undone();
	trial_refused("one boot only");
	file("boot/syslinux/syslinux.cfg", EXTLINUX "INCLUDE more.cfg\n");
	permanent_refused("includes another file");
	file("boot/syslinux/syslinux.cfg", "LABEL a\nLINUX v\n");
	permanent_refused("no entry that starts Linux");
}

/* The entry without words is of the kernel that is asked for, else of the default one. */
static void test_extlinux_kernel(void **state)
{
	static const char menu[] = "DEFAULT menu.c32\n"
				   "LABEL a\nLINUX /boot/vmlinuz-a\nAPPEND root=a\n"
				   "LABEL b\n  menu default\nLINUX /boot/vmlinuz-b\nAPPEND root=b\n"
				   "LABEL c\nLINUX /boot/vmlinuz-" RELEASE "\nAPPEND root=c\n";

	(void)state;
	file("boot/extlinux/ldlinux.sys", "");
	file("boot/extlinux/extlinux.conf", menu);
	applied();
	const char *text = text_of("boot/extlinux/extlinux.conf");
	assert_int_equal(times(text, WORDS), 3);
	assert_non_null(strstr(text, "LABEL passthru-without\nLINUX /boot/vmlinuz-" RELEASE
				     "\nAPPEND root=c\n"));
	undone();
	v.change.kernel = NULL;
	ok(plan_it());
	assert_non_null(strstr(v.plan.steps[0].content.data,
			       "LABEL passthru-without\nLINUX /boot/vmlinuz-b\nAPPEND root=b\n"));
}

/* As Alpine's update-extlinux does, in the same order. */
#define UPDATE_EXTLINUX                                                                            \
	"#!/bin/sh\n"                                                                              \
	"set -e\n"                                                                                 \
	"cd \"$ROOT\"\n"                                                                           \
	"[ ! -e \"$OUTSIDE/fails\" ] || exit 4\n"                                                  \
	"[ ! -e \"$OUTSIDE/idle\" ] || exit 0\n"                                                   \
	". ./etc/update-extlinux.conf\n"                                                           \
	"conf=boot/extlinux.conf\n"                                                                \
	"{\n"                                                                                      \
	"\techo '# Generated by update-extlinux'\n"                                                \
	"\techo 'DEFAULT menu.c32'\n"                                                              \
	"\tfor kernel in boot/vmlinuz-*; do\n"                                                     \
	"\t\ttag=${kernel#boot/vmlinuz-}\n"                                                        \
	"\t\techo \"LABEL lts\"\n"                                                                 \
	"\t\techo '  MENU DEFAULT'\n"                                                              \
	"\t\techo \"  MENU LABEL Linux $tag\"\n"                                                   \
	"\t\techo \"  LINUX vmlinuz-$tag\"\n"                                                      \
	"\t\techo \"  INITRD initrd.img-$tag\"\n"                                                  \
	"\t\techo \"  APPEND root=$root modules=$modules $default_kernel_opts\"\n"                 \
	"\t\techo\n"                                                                               \
	"\tdone\n"                                                                                 \
	"\tfor entry in etc/update-extlinux.d/*; do\n"                                             \
	"\t\t[ ! -f \"$entry\" ] || { cat \"$entry\"; echo; }\n"                                   \
	"\tdone\n"                                                                                 \
	"} >$conf.new\n"                                                                           \
	"if cmp -s $conf.new $conf; then rm $conf.new; fi\n"                                       \
	"[ \"$overwrite\" = 1 ] || exit 0\n"                                                       \
	"if [ -f $conf.new ]; then mv $conf $conf.old; mv $conf.new $conf; fi\n"                   \
	"echo menu >boot/menu.c32\n"

static void alpine(void)
{
	program("update-extlinux", UPDATE_EXTLINUX);
	file("boot/ldlinux.sys", "");
	file("etc/update-extlinux.conf", "# configuration\noverwrite=1\nvesa_menu=0\n"
					 "default_kernel_opts=\"quiet rootfstype=ext4\"\n"
					 "modules=sd-mod,usb-storage,ext4\nroot=UUID=1\n");
	file("boot/extlinux.conf", "");
	assert_int_equal(system("update-extlinux"), 0);
	assert_int_equal(unlink(temporary_path(&v.t, "boot/extlinux.conf.old")), 0);
	tree_age(&v.t, "boot/extlinux.conf", 1000000000);
	command_line("BOOT_IMAGE=vmlinuz-" RELEASE " root=UUID=1 quiet initrd=initrd.img\n");
}

static void test_alpine(void **state)
{
	(void)state;
	alpine();
	is_chosen("extlinux");
	applied();
	assert_non_null(strstr(text_of("etc/update-extlinux.conf"),
			       "default_kernel_opts=\"quiet rootfstype=ext4 " WORDS "\"\n"));
	assert_string_equal(text_of("etc/update-extlinux.d/passthru"),
			    "LABEL passthru-without\n  LINUX vmlinuz-" RELEASE
			    "\n  INITRD initrd.img-" RELEASE "\n  APPEND root=UUID=1 modules="
			    "sd-mod,usb-storage,ext4 quiet rootfstype=ext4\n");
	const char *menu = text_of("boot/extlinux.conf");
	assert_int_equal(times(menu, WORDS), 1);
	assert_int_equal(times(menu, "LABEL passthru-without"), 1);
	undone();
}

/* A kernel came since: the menu of before would not have it. */
static void test_alpine_new_kernel(void **state)
{
	(void)state;
	alpine();
	applied();
	file("boot/vmlinuz-6.6.9-lts", "new\n");
	assert_int_equal(system("update-extlinux"), 0);
	assert_int_equal(times(text_of("boot/extlinux.conf"), WORDS), 2);
	ok(undo_it());
	const char *menu = text_of("boot/extlinux.conf");
	assert_int_equal(times(menu, "passthru"), 0);
	assert_int_equal(times(menu, "vmlinuz-6.6.9-lts"), 1);
}

/* The menu is of a new kernel, and is not made anew: undone in part is said. */
static void test_alpine_trace(void **state)
{
	(void)state;
	alpine();
	applied();
	file("boot/vmlinuz-6.6.9-lts", "new\n");
	assert_int_equal(system("update-extlinux"), 0);
	temporary_file(&v.outside, "idle", "");
	assert_int_equal(undo_it(), -EIO);
	assert_non_null(strstr(v.e.text, "still holds 'passthru.boot=1'"));
}

static void test_alpine_trouble(void **state)
{
	(void)state;
	alpine();
	temporary_file(&v.outside, "idle", "");
	remember();
	ok(plan_it());
	assert_int_equal(apply_it(), -EIO);
	assert_non_null(strstr(v.e.text, "without its effect: the entry lts of boot/extlinux.conf "
					 "is without the words; everything was put back"));
	is_as_before();
	file("etc/update-extlinux.conf", "overwrite=0\n");
	permanent_refused("overwrite=1");
	file("etc/update-extlinux.conf", "overwrite=1\nif true; then\ndefault_kernel_opts=a\nfi\n");
	permanent_refused("etc/update-extlinux.conf: line");
}

/* ---- Limine ---- */

static void limine(const char *checksum)
{
	char text[300];

	efi("boot", "Limine 8.2.0");
	memset(text, '0', sizeof(text));
	memcpy(text, "MZ ++CONFIG_B2SUM_SIGNATURE++", 29);
	memcpy(text + 29, checksum, strlen(checksum));
	temporary_bytes(&v.t, "boot/EFI/BOOT/BOOTX64.EFI", text, sizeof(text));
	file("boot/limine.conf", "timeout: 3\n\n/Arch Linux\n    protocol: linux\n"
				 "    kernel_path: boot():/vmlinuz-" RELEASE "\n"
				 "    cmdline: root=UUID=1 rw\n"
				 "    module_path: boot():/initrd.img-" RELEASE "\n\n"
				 "/Arch Linux (fallback)\n    protocol: linux\n"
				 "    kernel_path: boot():/vmlinuz-" RELEASE "\n"
				 "    cmdline: root=UUID=1 rw\n"
				 "    module_path: boot():/initramfs-fallback.img\n\n"
				 "/Windows\n    protocol: efi_chainload\n"
				 "    image_path: boot():/EFI/Microsoft/Boot/bootmgfw.efi\n");
}

static void test_limine(void **state)
{
	(void)state;
	limine("");
	is_chosen("limine");
	applied();
	const char *text = text_of("boot/limine.conf");
	assert_non_null(strstr(text, "    cmdline: root=UUID=1 rw " WORDS "\n    module_path: "
				     "boot():/initrd.img-"));
	assert_int_equal(times(text, "passthru.boot=1"), 1);
	assert_non_null(strstr(text, "bootmgfw.efi\n\n/passthru-without\n    protocol: linux\n"
				     "    kernel_path: boot():/vmlinuz-" RELEASE "\n"
				     "    cmdline: root=UUID=1 rw\n"
				     "    module_path: boot():/initrd.img-" RELEASE "\n"));
	undone();
	trial_refused("one boot only");
}

/* The menu lies on another file system than the image of before, and cannot name that one. */
static void test_limine_elsewhere(void **state)
{
	(void)state;
	limine("");
	efi("boot/efi", "Limine 8.2.0");
	assert_int_equal(system("mv $ROOT/boot/EFI/BOOT $ROOT/boot/efi/EFI/BOOT && "
				"mv $ROOT/boot/limine.conf $ROOT/boot/efi/limine.conf"),
			 0);
	file("boot/initrd.img-" RELEASE ".passthru-old", "old\n");
	v.change.plain_image = "boot/initrd.img-" RELEASE ".passthru-old";
	applied();
	assert_null(strstr(text_of("boot/efi/limine.conf"), "passthru-old"));
	assert_non_null(strstr(text_of("boot/efi/limine.conf"), "/passthru-without\n"));
	undone();
}

static void test_limine_refused(void **state)
{
	(void)state;
	limine("7");
	permanent_refused("checksum of boot/limine.conf is enrolled in boot/EFI/BOOT/BOOTX64.EFI");
	limine("");
	file("boot/limine/limine.conf", "/x\n");
	permanent_refused("several menus");
}

/* Limine stops at a file whose checksum is not the one behind its path. */
static void test_limine_checksum(void **state)
{
	static const struct initramfs_kernel *rebuilt[] = { &v.kernel };

	(void)state;
	limine("");
	v.change.rebuilt = rebuilt;
	v.change.n_rebuilt = 1;
	assert_int_equal(plan_it(), 0);
	/* not of the last module, and not in a normal entry */
	assert_int_equal(system("sed -i 's/^ *module_path: .*fallback.img/    module_path: "
				"boot():\\/initrd.img-" RELEASE
				"#ca69\\n&/' $ROOT/boot/limine.conf"),
			 0);
	permanent_refused("boot/limine.conf has a checksum of initrd.img-" RELEASE);
	/* of files that stay as they are, and of none */
	assert_int_equal(system("sed -i -e '/#ca69/s/^/#/' -e 's/vmlinuz-.*/&#ca69/' "
				"$ROOT/boot/limine.conf"),
			 0);
	applied();
	undone();
}

/* limine-entry-tool makes the menu: what to do is said. */
static void test_limine_tool(void **state)
{
	(void)state;
	limine("");
	program("limine-update", "#!/bin/sh\n");
	is_chosen("limine");
	const char *text = by_hand();
	assert_non_null(strstr(text, "\n  echo 'KERNEL_CMDLINE[default]+=\" iommu=pt hugepagesz=2M "
				     "hugepages=64\"' > /etc/limine-entry-tool.d/"));
	assert_non_null(strstr(text, "\n  vfio-pci.ids=10de:1c82,10de:0fb9\n"));
	assert_non_null(strstr(text, "limine-update"));
	permanent_refused("limine-entry-tool makes boot/limine.conf");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		VENDOR_TEST(test_refind),         VENDOR_TEST(test_refind_image),
		VENDOR_TEST(test_refind_shipped), VENDOR_TEST(test_refind_refused),
		VENDOR_TEST(test_extlinux),       VENDOR_TEST(test_extlinux_kernel),
		VENDOR_TEST(test_alpine),         VENDOR_TEST(test_alpine_new_kernel),
		VENDOR_TEST(test_alpine_trace),   VENDOR_TEST(test_alpine_trouble),
		VENDOR_TEST(test_limine),         VENDOR_TEST(test_limine_elsewhere),
		VENDOR_TEST(test_limine_refused), VENDOR_TEST(test_limine_checksum),
		VENDOR_TEST(test_limine_tool),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
