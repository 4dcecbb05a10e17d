/* Arenas: Python's small objects in memory that the kernel may map by pages of 2 MiB. Nothing here changes a result.

   An engine keeps a gigabyte of small objects and touches them at random. By pages of 4 KiB nearly each touch misses the
   processor's table of pages too, which costs more than the object itself. Python takes its memory in arenas of 1 MiB,
   which are too small for such a page; here they are cut from regions of 64 MiB that the kernel is asked to map so. Freed
   arenas are kept for the next one, or given back on request. Where the kernel has no such pages, or may not use them, all
   is as it was.

   Called with the GIL held, as https://docs.python.org/3/c-api/memory.html says of arena allocators. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <stdint.h>
#include <sys/mman.h>

#define PAGE ((size_t)2 << 20)
#define REGION ((size_t)64 << 20)

/* What Python takes for objects (ARENA_SIZE in its obmalloc.c). It asks the same allocator for the stack of its frames, in
   other sizes: those, and arenas of any other Python, are not ours to give. */
#define ARENA ((size_t)1 << 20)

/* Arenas that are free: as many as a process of 64 GiB has. What does not fit is not used again. */
#define MOST 65536

static PyObjectArenaAllocator theirs;
static void *freed[MOST];
static size_t count;
static char *next, *end;

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
    if (size != ARENA)
        return theirs.alloc(theirs.ctx, size);
    if (count > 0)
        return freed[--count];
    if (next == end) {
        if ((next = region()) == NULL) {
            end = NULL;
            return NULL;
        }
        end = next + REGION;
    }
    char *found = next;
    next += ARENA;
    return found;
}

/* An arena from before `install` is as good as one of ours. */
static void give(void *context, void *arena, size_t size)
{
    (void)context;
    if (size != ARENA)
        theirs.free(theirs.ctx, arena, size);
    else if (count < MOST)
        freed[count++] = arena;
}

static PyObject *spare(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    return PyLong_FromSize_t(count * ARENA);
}

static PyObject *trim(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    for (size_t n = 0; n < count; n++)
        (void)madvise(freed[n], ARENA, MADV_DONTNEED);
    Py_RETURN_NONE;
}

static PyObject *install(PyObject *module, PyObject *nothing)
{
    (void)module, (void)nothing;
    if (theirs.alloc == NULL) { /* once: a second time `theirs` would be ours */
        PyObjectArenaAllocator ours = {NULL, take, give};
        PyObject_GetArenaAllocator(&theirs);
        PyObject_SetArenaAllocator(&ours);
    }
    Py_RETURN_NONE;
}

static PyMethodDef methods[] = {
    {"install", install, METH_NOARGS, "From now on arenas come from large pages."},
    {"spare", spare, METH_NOARGS, "Bytes of arenas that are free."},
    {"trim", trim, METH_NOARGS, "Give the kernel what they hold; it is had again when they are used."},
    {NULL, NULL, 0, NULL}};

static struct PyModuleDef module = {PyModuleDef_HEAD_INIT, "journeys_arenas", NULL, -1, methods};

PyMODINIT_FUNC PyInit_journeys_arenas(void) { return PyModule_Create(&module); }
