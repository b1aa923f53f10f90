/* A stand-in for libnvidia-ml.so.1 on machines without an NVIDIA driver. The
 * signatures are those of nvml.h. Compiled by nvml_linux_test.go with
 *   GPUS     number of GPUs
 *   INIT     what nvmlInit_v2 answers (0: it works)
 *   COUNTER  GPUs from this index on have no energy counter
 *   POWER    GPUs from this index on have no power either
 *   OLD      defined: the library has no nvmlDeviceGetTotalEnergyConsumption
 * The energy of GPU i starts at (i+1) kJ and grows by 250 mJ with each look; a
 * GPU is lost after 100 looks. */
#include <stdio.h>

static int held, looks;

int nvmlInit_v2(void) {
	if (INIT == 0) held++;
	return INIT;
}

int nvmlShutdown(void) {
	if (held == 0) return 1; /* NVML_ERROR_UNINITIALIZED */
	held--;
	return 0;
}

int nvmlDeviceGetCount_v2(unsigned int *n) {
	if (held == 0) return 1;
	*n = GPUS;
	return 0;
}

int nvmlDeviceGetHandleByIndex_v2(unsigned int i, void **gpu) {
	if (held == 0) return 1;
	if (i >= GPUS) return 2; /* NVML_ERROR_INVALID_ARGUMENT */
	*gpu = (char *)0 + i + 1;
	return 0;
}

static long of(void *gpu) { return (char *)gpu - (char *)0 - 1; }

int nvmlDeviceGetName(void *gpu, char *name, unsigned int size) {
	if (held == 0) return 1;
	snprintf(name, size, of(gpu) == 1 ? "NVIDIA A100-SXM4-40GB" : "NVIDIA A10");
	return 0;
}

#ifndef OLD
int nvmlDeviceGetTotalEnergyConsumption(void *gpu, unsigned long long *mJ) {
	if (held == 0) return 1;
	if (of(gpu) >= COUNTER) return 3; /* NVML_ERROR_NOT_SUPPORTED */
	if (looks >= 100) return 15;      /* NVML_ERROR_GPU_IS_LOST */
	*mJ = 1000000ull * (of(gpu) + 1) + 250ull * looks++;
	return 0;
}
#endif

int nvmlDeviceGetPowerUsage(void *gpu, unsigned int *mW) {
	if (held == 0) return 1;
	if (of(gpu) >= POWER) return 3;
	*mW = 60500 + 1000 * of(gpu);
	return 0;
}
