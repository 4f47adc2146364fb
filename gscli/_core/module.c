// The extension module that makes a shared library of the kernels importable; see __init__.py for how they are called.
#define Py_LIMITED_API 0x030A0000
#include <Python.h>

#include "core.h"

int has_avx2(void)
{
#if defined(__x86_64__)
    return __builtin_cpu_supports("avx2");
#else
    return 0;
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
