// The extension module that makes a shared library of the kernels importable; see __init__.py for how they are called.
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "core.h"

static int avx2; // set once, when the module is made

int has_avx2(void)
{
    return avx2;
}

// GSCLI_AVX2=0 does without, so that a processor that has it tests what others run.
static void look_at_processor(void)
{
#if defined(__x86_64__)
    const char *asked = getenv("GSCLI_AVX2");
    avx2 = __builtin_cpu_supports("avx2") && !(asked && strcmp(asked, "0") == 0);
#endif
}

static const char *instructions(void)
{
#if defined(__x86_64__)
    return has_avx2() ? "AVX2" : "SSE2";
#elif defined(__aarch64__)
    return "NEON";
#else
    return "portable";
#endif
}

static int fill(PyObject *module)
{
    look_at_processor();
    if (PyModule_AddIntConstant(module, "REVISION", REVISION) < 0)
        return -1;
    return PyModule_AddStringConstant(module, "INSTRUCTIONS", instructions());
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, fill}, {0, NULL}};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, .m_name = "_kernels", .m_doc = "Compiled kernels; see gscli._core.", .m_slots = slots};

PyMODINIT_FUNC PyInit__kernels(void)
{
    return PyModuleDef_Init(&definition);
}
