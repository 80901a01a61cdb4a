// SPDX-License-Identifier: MIT
// Unified images of EFI/Linux, and what makes them: ukify or dracut, run by kernel-install with
// layout=uki, or dracut with uefi=yes. Presets of mkinitcpio are mkinitcpio.c's.
//
// kernel-install reads the first install.conf that it finds, then drop-ins, and etc/machine-info
// for a layout (context_load_install_conf() in its kernel-install.c); 60-ukify.install takes part
// when uki_generator is "ukify" or not said, and 90-uki-copy.install calls the file
// TOKEN-RELEASE.efi, or with a counter where etc/kernel/tries is there. dracut 059 and dracut-ng
// 111 call theirs linux-RELEASE-MACHINEID.efi, with BUILD_ID of os-release behind it. Whether the
// host is started from such a file is not said here: old ones are left lying.

#include "base/text.h"
#include "initramfs/config.h"

#include <string.h>

#define PLUGIN "usr/lib/kernel/install.d/60-ukify.install"
#define PLUGINS "usr/lib/kernel/install.d/"
#define STAGED "var/lib/passthru/changes/staged-" /* CHANGE_STAGED of change/step.h */

/* ---- the configuration of kernel-install ---- */

static const char *setting(const struct initramfs_config *config, const char *name)
{
	const struct initramfs_setting *found = initramfs_setting(config, name);

	return found && *found->value ? found->value : NULL;
}

static void read_install(struct root *r, struct arena *a, struct initramfs_config *ret)
{
	static const char *const files[] = { "etc/kernel/install.conf", "run/kernel/install.conf",
					     "usr/local/lib/kernel/install.conf",
					     "usr/lib/kernel/install.conf" };
	static const char *const directories[] = { "etc/kernel/install.conf.d",
						   "run/kernel/install.conf.d",
						   "usr/local/lib/kernel/install.conf.d",
						   "usr/lib/kernel/install.conf.d", NULL };

	*ret = (struct initramfs_config){ 0 };
	for (size_t i = 0; ret->files.n == 0 && i < ARRAY_SIZE(files); i++)
		config_read_file(r, a, ret, files[i], '=');
	config_read_directories(r, a, ret, directories, ".conf");
}

static bool has_layout(struct root *r, struct arena *a, const struct initramfs_config *install)
{
	struct initramfs_config machine = { 0 };
	const char *layout = setting(install, "layout");

	if (!layout) {
		config_read_file(r, a, &machine, "etc/machine-info", '=');
		layout = setting(&machine, "KERNEL_INSTALL_LAYOUT");
	}
	return layout && str_eq(layout, "uki");
}

static const char *find_ukify(struct root *r, struct arena *a)
{
	static const char *const named[] = { "usr/bin/ukify", "usr/local/bin/ukify", NULL };
	static const char *const library[] = { "usr/lib/systemd/ukify", NULL };
	const char *path = path_first(r, a, library);

	if (path_first(r, a, named))
		return "ukify";
	return path ? path_absolute(a, path) : NULL;
}

/* Who makes the images of kernel-install; a refusal when that cannot be said. */
static enum initramfs_maker read_maker(struct root *r, struct arena *a,
				       const struct initramfs_config *install,
				       struct initramfs_setup *setup)
{
	static const char *const uki_conf[] = { "etc/kernel/uki.conf", "usr/lib/kernel/uki.conf",
						NULL };
	static const char *const devicetree[] = { "etc/kernel/devicetree",
						  "usr/lib/kernel/devicetree", NULL };
	const char *generator = setting(install, "uki_generator");
	bool has_plugin = root_look(r, a, PLUGIN) == 0 && !hook_is_masked(r, a, PLUGIN);

	if (root_look(r, a, "etc/kernel/tries") == 0) {
		setup->unified_refusal = "boots are counted (etc/kernel/tries), which changes the "
					 "names of unified images";
		return INITRAMFS_MAKER_NONE;
	}
	if (path_first(r, a, devicetree)) {
		setup->unified_refusal =
			arena_printf(a, "%s puts a device tree into unified images",
				     path_first(r, a, devicetree));
		return INITRAMFS_MAKER_NONE;
	}
	setup->ukify = find_ukify(r, a);
	setup->ukify_config = path_first(r, a, uki_conf);
	if (generator ? str_eq(generator, "ukify") : has_plugin) {
		if (has_plugin && setup->ukify)
			return INITRAMFS_MAKER_UKIFY;
		setup->unified_refusal = has_plugin ? "60-ukify.install is there, but no ukify"
						    : "install.conf of kernel-install names ukify, "
						      "but 60-ukify.install is not there";
		return INITRAMFS_MAKER_NONE;
	}
	if (generator && str_eq(generator, "dracut") &&
	    str_eq(setup->chosen->generator->name, "dracut"))
		return INITRAMFS_MAKER_DRACUT;
	setup->unified_refusal = arena_printf(
		a,
		"what makes the unified images of kernel-install is not known (uki_generator=%s)",
		generator ? generator : "");
	return INITRAMFS_MAKER_NONE;
}

/* ---- which file is whose ---- */

static bool found(struct arena *a, struct initramfs_setup *setup, struct initramfs_kernel *kernel,
		  enum initramfs_maker maker, const char *path)
{
	if (kernel->unified) {
		setup->unified_refusal =
			arena_printf(a, "%s and %s are both images of the kernel %s",
				     kernel->unified, path, kernel->release);
		kernel->unified = NULL;
		kernel->maker = INITRAMFS_MAKER_NONE;
		return false;
	}
	kernel->unified = path;
	kernel->maker = maker;
	return true;
}

static void find_installed(struct root *r, struct arena *a, struct initramfs_setup *setup,
			   struct initramfs_kernel *kernel, enum initramfs_maker maker)
{
	static const char *const none[] = { NULL };
	static const char *const places[] = { "boot/EFI/Linux/%t-%r.efi", "efi/EFI/Linux/%t-%r.efi",
					      "boot/efi/EFI/Linux/%t-%r.efi", NULL };
	struct initramfs_kernel probe = { .release = kernel->release,
					  .directory = kernel->directory };

	kernel_locate(r, a, &probe, none, places, false);
	if (probe.image && found(a, setup, kernel, maker, probe.image) && probe.other_image)
		(void)found(a, setup, kernel, maker, probe.other_image);
}

/* "linux-RELEASE.efi", or with the machine's id, and a build's behind it. */
static bool is_dracuts(struct arena *a, const char *name, const char *release, const char *id)
{
	const char *plain = arena_printf(a, "linux-%s.efi", release);
	const char *start = arena_printf(a, "linux-%s-%s", release, id);
	size_t n = strlen(name);

	if (str_eq(name, plain))
		return true;
	return n > 4 && str_eq(name + n - 4, ".efi") && str_starts(name, start) &&
	       (name[strlen(start)] == '-' || name[strlen(start)] == '.');
}

static void find_dracuts(struct root *r, struct arena *a, struct initramfs_setup *setup,
			 struct initramfs_kernel *kernel)
{
	static const char *const directories[] = { "efi/EFI/Linux", "boot/efi/EFI/Linux",
						   "boot/EFI/Linux" };
	struct names names;
	struct bytes text;
	const char *id = root_read(r, a, "etc/machine-id", &text) == 0 ? text_trimmed(a, text) : "";

	for (size_t i = 0; i < ARRAY_SIZE(directories); i++) {
		if (root_list(r, a, directories[i], &names) < 0)
			continue;
		for (size_t k = 0; k < names.n; k++) {
			if (!is_dracuts(a, names.name[k], kernel->release, *id ? id : "Default") &&
			    !is_dracuts(a, names.name[k], kernel->release, "Default"))
				continue;
			if (!found(a, setup, kernel, INITRAMFS_MAKER_DRACUT,
				   arena_printf(a, "%s/%s", directories[i], names.name[k])))
				return;
		}
	}
}

void unified_read(struct root *r, struct arena *a, struct initramfs_setup *setup)
{
	enum initramfs_maker maker = INITRAMFS_MAKER_NONE;
	struct initramfs_config install;
	const struct initramfs_setting *uefi = initramfs_setting(&setup->config, "uefi");

	read_install(r, a, &install);
	bool installs = has_layout(r, a, &install);
	if (installs)
		maker = read_maker(r, a, &install, setup);
	bool by_dracut = !installs && str_eq(setup->chosen->generator->name, "dracut") && uefi &&
			 str_eq(uefi->value, "yes");
	for (size_t i = 0; i < setup->n_kernels; i++) {
		struct initramfs_kernel *kernel = &setup->kernels[i];

		if (maker != INITRAMFS_MAKER_NONE)
			find_installed(r, a, setup, kernel, maker);
		else if (by_dracut)
			find_dracuts(r, a, setup, kernel);
		/* a generator that kernel-install runs leaves no image of its own */
		kernel->unified_alone =
			kernel->unified && (kernel->maker != INITRAMFS_MAKER_UKIFY ||
					    str_starts(setup->chosen->hook, PLUGINS));
	}
}

void initramfs_use_unified(struct root *r, struct arena *a, struct initramfs_setup *setup)
{
	for (size_t i = 0; i < setup->n_kernels; i++) {
		struct initramfs_kernel *kernel = &setup->kernels[i];
		struct initramfs_unified now;

		if (kernel->unified &&
		    initramfs_read_unified(r, a, kernel->unified, &now, NULL) == 0)
			kernel->unified_line = now.line;
		if (!kernel->unified_alone)
			continue;
		kernel->image = kernel->unified;
		kernel->image_exists = true;
		kernel->other_image = NULL;
	}
}

/* ---- commands ---- */

static size_t add_all(const char **argv, size_t n, const char *const *more)
{
	while (*more)
		argv[n++] = *more++;
	return n;
}

static const char *const *build_by_dracut(struct arena *a, const struct initramfs_kernel *kernel,
					  const char *line, const char *output)
{
	const char **argv = arena_array(a, 10, sizeof(*argv));
	size_t n = add_all(argv, 0, text_list(a, "dracut", "--force", "--uefi", NULL));

	if (kernel->vmlinuz) {
		argv[n++] = "--kernel-image";
		argv[n++] = path_absolute(a, kernel->vmlinuz);
	}
	if (line) {
		argv[n++] = "--kernel-cmdline";
		argv[n++] = line;
	}
	argv[n++] = path_absolute(a, output);
	argv[n++] = kernel->release;
	return argv;
}

/* As 60-ukify.install calls it; the blank before the line keeps '@' from meaning a file. */
static const char *const *build_by_ukify(const struct initramfs_setup *setup, struct arena *a,
					 const struct initramfs_kernel *kernel, const char *initrd,
					 const char *line, const char *output)
{
	const char **argv = arena_array(a, 9, sizeof(*argv));
	size_t n = 0;

	argv[n++] = setup->ukify;
	argv[n++] = "build";
	if (setup->ukify_config)
		argv[n++] = arena_concat(a, "--config=/", setup->ukify_config);
	argv[n++] = arena_concat(a, "--linux=/", kernel->vmlinuz ? kernel->vmlinuz : "");
	argv[n++] = arena_concat(a, "--initrd=/", initrd);
	argv[n++] = arena_concat(a, "--uname=", kernel->release);
	if (line)
		argv[n++] = arena_concat(a, "--cmdline= ", line);
	argv[n++] = arena_concat(a, "--output=/", output);
	return argv;
}

struct initramfs_commands initramfs_build_unified(const struct initramfs_setup *setup,
						  struct arena *a,
						  const struct initramfs_kernel *kernel,
						  const char *initrd, const char *line,
						  const char *output)
{
	struct initramfs_commands commands = { 0 };
	struct initramfs_kernel alone = *kernel;

	if (kernel->maker == INITRAMFS_MAKER_PRESET) {
		alone.image = kernel->unified;
		commands.argv =
			setup->chosen->generator->build(a, &alone, path_absolute(a, output));
		return commands;
	}
	if (kernel->maker == INITRAMFS_MAKER_DRACUT) {
		commands.argv = build_by_dracut(a, kernel, line, output);
		return commands;
	}
	if (!initrd) {
		initrd = commands.staged = arena_concat(a, STAGED, kernel->release);
		alone.image = NULL; /* it is none that is to be unified */
		commands.first =
			setup->chosen->generator->build(a, &alone, path_absolute(a, initrd));
	}
	commands.argv = build_by_ukify(setup, a, kernel, initrd, line, output);
	return commands;
}
