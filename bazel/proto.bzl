"""C++ code from .proto files, by Debian's protoc and grpc_cpp_plugin."""

_JAR = "/usr/share/java/proto-google-common-protos.jar"

def cc_protos(name, srcs, services = [], include = ".", **kwargs):
    """One cc_library of the messages, and of the services, of some .proto files.

    Where there are services, <name>_messages is one of the messages alone, which
    does without gRPC.

    Args:
      name: the cc_library to make.
      srcs: .proto files, named from the workspace's root by their package.
      services: those of srcs that declare a service.
      include: the folder, from the workspace's root, that imports start from.
      **kwargs: passed to the cc_library.
    """
    stems = [src[:-len(".proto")] for src in srcs]
    service_stems = [src[:-len(".proto")] for src in services]
    root = "$(RULEDIR)"

    # Another workspace sees this one below external/.
    if native.repository_name() != "@":
        include = "external/%s/%s" % (native.repository_name()[1:], include)
    commands = ["protoc -I{inc} --cpp_out={root} {files}".format(
        inc = include,
        root = root,
        files = " ".join(["$(location %s)" % s for s in srcs]),
    )]
    if services:
        commands.append((
            "protoc -I{inc} --grpc_out={root} " +
            "--plugin=protoc-gen-grpc=/usr/bin/grpc_cpp_plugin {files}"
        ).format(
            inc = include,
            root = root,
            files = " ".join(["$(location %s)" % s for s in services]),
        ))
    native.genrule(
        name = name + "_generate",
        srcs = srcs,
        outs = [s + e for s in stems for e in (".pb.h", ".pb.cc")] +
               [s + e for s in service_stems for e in (".grpc.pb.h", ".grpc.pb.cc")],
        cmd = " && ".join(commands),
    )
    messages = name + ("_messages" if services else "")
    native.cc_library(
        name = messages,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        copts = ["-w"],
        includes = ["."],
        # A shared object of it would lose Debian's libraries.
        linkstatic = True,
        deps = ["//bazel/system:protobuf"],
        **kwargs
    )
    if services:
        native.cc_library(
            name = name,
            srcs = [s + ".grpc.pb.cc" for s in service_stems],
            hdrs = [s + ".grpc.pb.h" for s in service_stems],
            copts = ["-w"],
            includes = ["."],
            linkstatic = True,
            deps = [":" + messages, "//bazel/system:grpc"],
            **kwargs
        )

def cc_google_rpc(name, **kwargs):
    """google.rpc.Status and its error details, from Debian's copy of the .proto files."""
    stems = ["google/rpc/" + s for s in ["error_details", "status"]]
    native.genrule(
        name = name + "_generate",
        outs = [s + ext for s in stems for ext in [".pb.h", ".pb.cc"]],
        cmd = (
            "d=$$(mktemp -d) && (cd $$d && python3 -m zipfile -e {jar} .) && " +
            "protoc -I$$d --cpp_out=$(RULEDIR) {files}; rc=$$?; rm -rf $$d; exit $$rc"
        ).format(
            jar = _JAR,
            files = " ".join(["$$d/%s.proto" % s for s in stems]),
        ),
    )
    native.cc_library(
        name = name,
        srcs = [s + ".pb.cc" for s in stems],
        hdrs = [s + ".pb.h" for s in stems],
        copts = ["-w"],
        includes = ["."],
        linkstatic = True,
        deps = ["//bazel/system:protobuf"],
        **kwargs
    )

def contract_files(name, part, outs):
    """What tools/contractgen makes of the rules of methods and error reasons.

    A method or a reason without its rules fails the build, by name.

    Args:
      name: the genrule to make.
      part: the template's name.
      outs: the files that it makes.
    """
    native.genrule(
        name = name,
        srcs = ["//protos:files"],
        outs = outs,
        cmd = (
            "protoc -Iprotos --plugin=protoc-gen-contract={plugin} " +
            "--contract_out=$(GENDIR) --contract_opt={part} " +
            "$(locations //protos:files)"
        ).format(
            plugin = "$(location //tools/contractgen:protoc-gen-contract)",
            part = part,
        ),
        tools = [
            "//tools/contractgen",
            "//tools/contractgen:protoc-gen-contract",
        ],
    )
