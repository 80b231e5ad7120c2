#!/usr/bin/python3
"""Time MPI_Allreduce of float32 in place, as credence-train calls it: mpirun -np P allreduce.py REPEATS COUNT... Prints a line a count on rank 0: count and seconds of the fastest, because what else runs only adds."""
import ctypes, sys, time

mpi = ctypes.CDLL("libmpi.so.40", mode=ctypes.RTLD_GLOBAL)
symbol = lambda name: ctypes.c_void_p(ctypes.addressof(ctypes.c_char.in_dll(mpi, name)))
world, float32, add = symbol("ompi_mpi_comm_world"), symbol("ompi_mpi_float"), symbol("ompi_mpi_op_sum")
mpi.MPI_Init(None, None)
rank = ctypes.c_int()
mpi.MPI_Comm_rank(world, ctypes.byref(rank))
for count in map(int, sys.argv[2:]):
    values, seconds = (ctypes.c_float * count)(), []
    for _ in range(int(sys.argv[1])):
        mpi.MPI_Barrier(world)
        begun = time.perf_counter()
        mpi.MPI_Allreduce(ctypes.c_void_p(1), values, count, float32, add, world)
        seconds.append(time.perf_counter() - begun)
    if rank.value == 0:
        print(count, min(seconds), flush=True)
mpi.MPI_Finalize()
