/* Arenas: Python's small objects in memory that the kernel may map by pages of 2 MiB. Nothing here changes a result.

   An engine keeps a gigabyte of small objects and touches them at random. By pages of 4 KiB nearly each touch misses the
   processor's table of pages too, which costs more than the object itself. Python takes its memory in arenas of 1 MiB,
   which are too small for such a page; here they are cut from regions of 64 MiB that the kernel is asked to map so. Freed
   arenas are kept for the next one, or given back on request. Where the kernel has no such pages, or may not use them, all is as it was.

   Called with the GIL held, as https://docs.python.org/3/c-api/memory.html says of arena allocators. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)
#define SMALL ((size_t)64 << 10) /* no processor has larger ones that are not called huge */
#define REGION ((size_t)64 << 20)

/* A freed arena's own first bytes say which was freed before it. */
struct freed { struct freed *before; };

static struct freed *last;
static char *next, *end;
static size_t arena;

static char *region(void)
{
    char *found = mmap(NULL, REGION + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (found == MAP_FAILED)
        return NULL;
    found = (char *)(((uintptr_t)found + PAGE - 1) & ~(uintptr_t)(PAGE - 1));
#ifdef MADV_HUGEPAGE
    (void)madvise(found, REGION, MADV_HUGEPAGE);
#endif
    return found;
}

static void *take(void *context, size_t size)
{
    (void)context;
    if (last != NULL && size == arena) {
        struct freed *found = last;
        last = found->before;
        return found;
    }
    if (size > REGION)
        return NULL;
    if (next == NULL || size > (size_t)(end - next)) {
        if ((next = region()) == NULL)
            return NULL;
        end = next + REGION;
    }
    arena = size;
    char *found = next;
    next += size;
    return found;
}

static void give(void *context, void *freed, size_t size)
{
    (void)context;
    if (size != arena)
        return;
    ((struct freed *)freed)->before = last;
    last = freed;
}

static PyObject *spare(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    size_t bytes = 0;
    for (struct freed *at = last; at != NULL; at = at->before)
        bytes += arena;
    return PyLong_FromSize_t(bytes);
}

static PyObject *trim(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    for (struct freed *at = last; at != NULL; at = at->before)
        (void)madvise((char *)at + SMALL, arena - SMALL, MADV_DONTNEED); /* but for the page with `before` in it */
    Py_RETURN_NONE;
}

static PyObject *install(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    PyObjectArenaAllocator ours = {NULL, take, give};
    PyObject_SetArenaAllocator(&ours);
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, "From now on arenas come from large pages."},
    {"spare", spare, METH_NOARGS, "Bytes of arenas that are free."},
    {"trim", trim, METH_NOARGS, "Give the kernel what they hold; it is had again when they are used."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "journeys_arenas", NULL, -1, methods};

PyMODINIT_FUNC PyInit_journeys_arenas(void) { return PyModule_Create(&module); }
