"""What a workspace needs to build @wxident//clients/cpp with Debian's Bazel."""

def _folder_of_wxident(ctx):
    folder = ctx.path(Label("@wxident//:WORKSPACE")).dirname.get_child("bazel").get_child(ctx.attr.folder)
    for child in folder.readdir():
        ctx.symlink(child, child.basename)

folder_of_wxident = repository_rule(
    implementation = _folder_of_wxident,
    attrs = {"folder": attr.string(mandatory = True)},
    local = True,
    doc = "A folder below bazel/ as a repository.",
)

def wxident_deps():
    """The repositories that WORKSPACE of wxident has, where there are none yet.

    All of them come from Debian packages or from wxident itself.
    """
    known = native.existing_rules()
    for name in ["rules_cc", "remote_coverage_tools"]:
        if name not in known:
            folder_of_wxident(name = name, folder = name)
    for name, path in {
        "bazel_skylib": "/usr/share/bazel/tools/skylib",
        "platforms": "/usr/share/bazel/tools/platforms",
        "rules_java": "/usr/share/bazel/rules/java",
        "rules_proto": "/usr/share/bazel/rules/proto",
    }.items():
        if name not in known:
            native.local_repository(name = name, path = path)
