using System.Runtime.InteropServices;

namespace Credence.Native;

/// <summary>crd_status.</summary>
internal enum Status
{
    Ok = 0,
    Unexpected = 1,
    Usage = 2,
    BadInput = 3,
    BadModel = 4,
    Cancelled = 5,
}

/// <summary>crd_map.</summary>
internal enum NativeMap
{
    Probability = 0,
    PredictiveEntropy = 1,
    MutualInformation = 2,
}

/// <summary>crd_grid.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeGrid
{
    public fixed int Size[3];
    public fixed double Affine[12];
}

/// <summary>crd_options.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeOptions
{
    public int Samples;
    public ulong Seed;
    public double DeviationLimit;
    public delegate* unmanaged[Cdecl]<double, void*, int> Progress;
    public void* User;
}

/// <summary>crd_lesion.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeLesion
{
    public int Number;
    public int Label;
    public int Voxels;
    public double Volume;
    public double SampleMeanVolume;
    public double VolumeLow;
    public double VolumeHigh;
    public double ExistenceProbability;
    public double StructuralUncertainty;
    public double MeanProbability;
    public double PeakProbability;
    public double MeanEntropy;
    public double MeanMutualInformation;
    public fixed double Centroid[3];
    public fixed double Peak[3];
}
