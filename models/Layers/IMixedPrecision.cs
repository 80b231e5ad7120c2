namespace Credence.Models.Layers;

/// <summary>A layer whose linear operation can run in a shorter number format.</summary>
public interface IMixedPrecision
{
    /// <summary>Number format of the operation; its input and output stay float32.</summary>
    ComputePrecision Precision { get; set; }
}
